import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduleParser } from '../../../src/cli/train/schedule-flag.js';
import { UsageError } from '../../../src/errors/errors.js';
import { trainConfigSchema } from '../../../src/run/config.js';
import { toyConfig } from '../../support/toy.js';

const parse = scheduleParser('--schedule');

test('--schedule is a kind with numbers, which a configuration can hold', () => {
  const expected: Record<string, object> = {
    constant: { kind: 'constant' },
    cosine: { kind: 'annealing', shape: 'cosine', warmupSteps: 0 },
    'linear:500': { kind: 'annealing', shape: 'linear', warmupSteps: 500 },
    'one-cycle': { kind: 'one-cycle', pctStart: 0.3 },
    'one-cycle:0.1': { kind: 'one-cycle', pctStart: 0.1 },
    'exponential:0.95': { kind: 'exponential', factor: 0.95 },
    'step:30': { kind: 'step', epochs: 30, factor: 0.1 },
    'step:5,.5': { kind: 'step', epochs: 5, factor: 0.5 },
    'milestones:30,60': { kind: 'milestones', epochs: [30, 60], factor: 0.1 },
    'plateau:2': { kind: 'plateau', factor: 0.1, patience: 2, drops: 3 },
  };
  for (const [text, schedule] of Object.entries(expected)) {
    const made = parse(text);
    assert.deepEqual(made, schedule, text);
    assert.deepEqual(trainConfigSchema.parse(toyConfig({ schedule: made })).schedule, schedule);
  }
});

test('--schedule refuses other kinds and numbers, and shows the form', () => {
  const wrong: Record<string, RegExp> = {
    cosin: /one of constant, cosine.*did you mean cosine/,
    '': /one of constant/,
    toString: /one of constant/,
    'constant:1': /Expected constant/,
    'cosine:-1': /cosine:WARMUP_STEPS/,
    'cosine:1:2': /WARMUP_STEPS/,
    'cosine:': /WARMUP_STEPS/,
    exponential: /exponential:FACTOR/,
    'exponential:1': /exponential:0\.95/,
    'step:0': /step:EPOCHS/,
    'step:3,2': /step:30,0\.1/,
    'milestones:60,30': /milestones:30,60/,
    'milestones:a': /milestones:EPOCH/,
    'one-cycle:1': /one-cycle:SHARE/,
    'plateau:1.5': /plateau:PATIENCE/,
  };
  for (const [text, says] of Object.entries(wrong))
    assert.throws(
      () => parse(text),
      (e) => e instanceof UsageError && says.test(e.message),
      text,
    );
});
