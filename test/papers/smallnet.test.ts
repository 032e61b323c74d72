import assert from 'node:assert/strict';
import { test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { makeSmallnet, smallnet, smallnetCase } from '../support/nets/smallnet.js';

test('the small network prints as in PyTorch', () => {
  // PyTorch's newest version prints the bias of batch norm.
  const theirs = ['Sequential(', ...smallnet.net, ')'].join('\n').replace(/(BatchNorm.*), bias=True/, '$1');
  assert.equal(makeSmallnet().toString(), theirs);
});

test('20 steps of the small network follow PyTorch, in one plan', async () => {
  const { plans } = await smallnetCase(referenceDevice());
  // The first step's own outputs make a plan, all other steps share one.
  assert.equal(plans, 2);
});
