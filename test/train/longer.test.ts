import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeLonger } from '../../src/train/longer.js';

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
  const decay = { kind: 'warmup-decay', warmupSteps: 5, decaySteps: 300, shape: 'linear' } as const;
  assert.match(
    say(decay),
    /moves to the new end: the next step has 0\.00123 of 0\.01, .* the last 300 steps/,
  );
});
