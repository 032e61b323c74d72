import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as core from '../../src/core.js';
import { ACCEPTED } from '../support/inputs/accepted.js';
import { VALID_CALLS } from '../support/inputs/valid-calls.js';
import { DATA_CALLS } from '../support/inputs/valid-data.js';
import { endOf, unrefused } from '../support/inputs/wrong-inputs.js';

const { nn, optim } = core;

/** Not called with tensors or numbers of a user, or tested elsewhere with states and modules of their own. */
const ELSEWHERE = new Set([
  ...[
    'nn.Module',
    'nn.Sequential',
    'nn.ModuleList',
    'nn.ModuleDict',
    'nn.TransformerEncoder',
    'nn.TransformerDecoder',
  ],
  ...['optim.Optimizer', 'optim.SequentialLR'],
  ...['nn.init.zeros', 'nn.init.ones', 'nn.init.eye', 'nn.init.dirac', 'nn.init.pytorchDefault'],
  ...['nn.init.withoutInit', 'nn.init.zeroWeights', 'transforms.compose'],
]);
const METHODS_ELSEWHERE = new Set([
  'constructor',
  'data',
  'item',
  'to',
  'retainGrad',
  'registerHook',
  'backward',
  'toString',
]);

const isClass = (value: unknown): boolean => typeof value === 'function' && /^class\b/.test(String(value));

/** Public operations, layers, losses, optimizers, schedules, transforms, initialisers, data sets and samplers. */
function* publicNames(): Iterable<string> {
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(core.Tensor.prototype)))
    if (typeof value === 'function' && !METHODS_ELSEWHERE.has(name)) yield `x.${name}`;
  for (const [name, value] of Object.entries(nn)) if (isClass(value)) yield `nn.${name}`;
  for (const name of Object.keys(nn.functional)) yield `F.${name}`;
  for (const [name, value] of Object.entries(optim)) if (isClass(value)) yield `optim.${name}`;
  for (const name of Object.keys(core.transforms)) yield `transforms.${name}`;
  for (const name of Object.keys(nn.init)) yield `nn.init.${name}`;
  for (const [name, value] of Object.entries(core))
    if (isClass(value) && /(Dataset|Sampler|Loader|Subset|Shapes10)$/.test(name)) yield name;
}

describe('bad input', () => {
  it('is tried for all public operations, layers, losses, optimizers and schedules', () => {
    const missing = [...publicNames()].filter(
      (name) => !(name in VALID_CALLS) && !(name in DATA_CALLS) && !ELSEWHERE.has(name),
    );
    assert.deepEqual(missing, []);
  });

  for (const [name, valid] of Object.entries({ ...VALID_CALLS, ...DATA_CALLS }))
    it(`of ${name} is refused, except for what is listed`, async () => {
      assert.equal(await endOf(valid), 'finite');
      assert.deepEqual(await unrefused(valid), ACCEPTED[name]?.split(', ') ?? []);
    });
});
