import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rateAdvice, withGlobalBatch } from '../../../src/cli/train/batch-per-rank.js';

const flags = { device: 'auto', precision: 'auto' } as const;

test('the batch of each rank makes that of all', () => {
  assert.deepEqual(withGlobalBatch({ ...flags, batchPerRank: 32 }, 4), { ...flags, batchSize: 128 });
  assert.deepEqual(withGlobalBatch({ ...flags, batchPerRank: 32 }, 1), { ...flags, batchSize: 32 });
  assert.deepEqual(withGlobalBatch({ ...flags, batchSize: 32 }, 4), { ...flags, batchSize: 32 });
  assert.throws(
    () => withGlobalBatch({ ...flags, batchSize: 8, batchPerRank: 32 }, 4),
    /--batch-size and --batch-per-rank.*--batch-size 8 --batch-per-rank 32/,
  );
});

test('a run is resumed with the batch that it had', () => {
  assert.deepEqual(withGlobalBatch({ ...flags, batchPerRank: 64 }, 2, 128), { ...flags, batchSize: 128 });
  assert.throws(
    () => withGlobalBatch({ ...flags, batchPerRank: 64 }, 4, 128),
    /--batch-per-rank 64 on 4 ranks would change the batch.*Expected 128 images.*got 256/,
  );
});

test('the rate that is advised grows with the batch, or with its root', () => {
  const config = { batchSize: 512, lr: 0.01, epochs: 90, schedule: { kind: 'constant' } } as const;
  const plan = { ranks: 4, config, recipeBatch: 128, images: 51_200, ownRate: false };
  const advice = (changes: object, other: object = {}) =>
    rateAdvice({ ...plan, ...other, config: { ...config, ...changes } }).join('\n');
  assert.match(
    advice({}),
    /512 \(4 ranks × 128\), 4 times the recipe’s 128[\s\S]*--lr 0\.04 [\s\S]*cosine:500/,
  );
  assert.match(advice({ optimizer: 'adam' }), /--lr 0\.02\./);
  assert.doesNotMatch(advice({}, { ownRate: true }), /--lr/);
  const rising = { kind: 'annealing', shape: 'cosine', warmupSteps: 10 };
  assert.doesNotMatch(advice({ schedule: rising }), /warm-up/);
  assert.doesNotMatch(advice({}), /lars/);
  assert.match(advice({ batchSize: 16_384 }), /--optimizer lars/);
  assert.doesNotMatch(advice({ batchSize: 16_384, optimizer: 'lars' }), /--optimizer|--lr/);
  assert.match(advice({ batchSize: 64 }), /--lr 0\.005 /);
  assert.doesNotMatch(advice({ batchSize: 64 }), /warm-up/);
  assert.equal(advice({ batchSize: 128 }), '');
});
