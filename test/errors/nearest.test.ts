import assert from 'node:assert/strict';
import test from 'node:test';
import { PaperweightError } from '../../src/errors/errors.js';
import { didYouMean, nearest } from '../../src/errors/nearest.js';

test('the word that was probably meant', () => {
  const options = [
    '--max-steps',
    '--lr',
    '--lr-scale',
    '--batch-size',
    '--epochs',
    '--out',
    '--weight-decay',
    '--data',
  ];
  for (const [word, expected] of [
    ['--steps', '--max-steps'],
    ['--epoch', '--epochs'],
    ['--num-epochs', '--epochs'],
    ['--batch', '--batch-size'],
    ['--bs', '--batch-size'],
    ['--bacth-size', '--batch-size'],
    ['--learning-rate', '--lr'],
    ['--wd', '--weight-decay'],
    ['--output', '--out'],
    ['--dta', '--data'],
    ['--LR', '--lr'],
  ] as const)
    assert.equal(nearest(word, options), expected, word);
  for (const word of ['--frobnicate', '-', '', 'x'.repeat(5000)])
    assert.equal(nearest(word, options), undefined);
  assert.equal(nearest('alexnt', ['resnet', 'alexnet']), 'alexnet');
  assert.equal(nearest('gpu', ['auto', 'onednn', 'reference']), undefined);
  assert.equal(didYouMean('trian', ['train'], 'look.'), 'did you mean train? Otherwise look.');
  assert.equal(didYouMean('xyz', ['train'], 'look.'), 'look.');
});

test('control characters in a message are escaped', () => {
  assert.match(new PaperweightError({ what: 'cannot read a\nb' }).message, /^cannot read a\\nb\.$/);
});
