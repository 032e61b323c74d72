import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeLonger } from '../../src/train/extend-run.js';

const change = { before: 9, now: 1200, rate: 0.0012345 };

test('each kind of schedule describes what a longer run changes', () => {
  const say = (schedule: Parameters<typeof describeLonger>[0]['schedule']) =>
    describeLonger({ schedule, lr: 0.01 }, change);
  assert.equal(
    say({ kind: 'constant' }),
    'The run now ends after 1,200 steps instead of 9. The learning rate stays 0.00123.',
  );
  assert.match(say({ kind: 'plateau', factor: 0.1, patience: 3, drops: 3 }), /continues from 0\.00123/);
  assert.match(say({ kind: 'milestones', epochs: [30, 60], factor: 0.1 }), /still falls after epochs 30, 60/);
  assert.match(say({ kind: 'step', epochs: 30, factor: 0.1 }), /still falls every 30 epochs/);
  assert.match(say({ kind: 'exponential', factor: 0.9 }), /still falls after each epoch/);
  const cosine = { kind: 'annealing', shape: 'cosine', warmupSteps: 0 } as const;
  assert.match(say(cosine), /stretched to the new end: the next step has 0\.00123 of 0\.01/);
  assert.match(say({ kind: 'one-cycle', pctStart: 0.3 }), /stretched to the new end/);
  const decay = { kind: 'warmup-decay', warmupSteps: 5, decaySteps: 300, shape: 'linear' } as const;
  assert.match(
    say(decay),
    /moves to the new end: the next step has 0\.00123 of 0\.01, .* the last 300 steps/,
  );
});
