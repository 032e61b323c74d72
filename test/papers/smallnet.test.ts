import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { makeSmallnet, smallnet, smallnetCase } from '../support/nets/smallnet.js';

test('the small network prints as in PyTorch', () => {
  assert.equal(makeSmallnet().toString(), ['Sequential(', ...smallnet.net, ')'].join('\n'));
});

test('20 steps of the small network follow PyTorch, in one plan', async () => {
  const { plans } = await smallnetCase(referenceDevice());
  // The first step's own outputs make a plan, all other steps share one.
  assert.equal(plans, 2);
});
