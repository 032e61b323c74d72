import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StepClock } from '../../../src/train/steps/step-clock.js';

/** Rounded to microseconds. */
const seconds = (clock: StepClock, completed: number, next?: number): number =>
  Number(clock.measure(completed, next).toFixed(6));

test('the time of a step is from one completion to the next', () => {
  const clock = new StepClock();
  clock.restart(1000);
  assert.equal(seconds(clock, 1100), 0.1);
  assert.equal(seconds(clock, 1350), 0.25);
  // Saving took from 1350 to 2000.
  clock.restart(2000);
  assert.equal(seconds(clock, 2080), 0.08);
});

test('two completions that arrive at once share the time of both', () => {
  const clock = new StepClock();
  clock.restart(1000);
  assert.equal(seconds(clock, 1200, 1200.24), 0.10012);
  assert.equal(seconds(clock, 1200.24), 0.10012);
  assert.equal(seconds(clock, 1300), 0.09976);
});

test('a late step with its own completion keeps its own time', () => {
  const clock = new StepClock();
  clock.restart(0);
  assert.equal(seconds(clock, 300, 340), 0.3);
  assert.equal(seconds(clock, 340), 0.04);
  assert.ok(clock.measure(340) > 0);
});
