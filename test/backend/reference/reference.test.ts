import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { ReferenceEngine } from '../../../src/backend/reference/engine.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { type Kernel, kernelOf, kernels } from '../../../src/backend/reference/kernels.js';
import { buildGraph } from '../../../src/graph/graph.js';
import { hostLeaf } from '../../../src/graph/node.js';
import * as ops from '../../../src/ops/index.js';
import { tensor } from '../../../src/tensor/tensor.js';
import { cases, maskByDefinition, runCase } from '../../support/cases.js';
import { conformance } from '../../support/conformance.js';

const open = async () => new InlineDevice(new ReferenceEngine());

// Accumulation is in float64, so only the rounding of results remains; PyTorch's numbers have nine digits.
conformance('reference', open, { dtype: 'float32', rtol: 2e-6, atol: 5e-7 });
conformance('reference', open, { dtype: 'float64', rtol: 2e-8, atol: 2e-9 });

/** Attributes of a mask. */
const shares = (p: number) => ({ threshold: Math.round(p * 65536), kept: 1 / (1 - p) });

describe('the reference engine', () => {
  it('has a kernel for every operation, and no other', () => {
    const names = ops.operationNames();
    assert.deepEqual(
      names.filter((name) => !kernelOf(name)),
      [],
    );
    assert.deepEqual(
      Object.keys(kernels).filter((name) => !names.includes(name)),
      [],
    );
  });

  it('has kernels that do not depend on the output’s previous contents', async () => {
    const dirty = kernels as Record<string, Kernel>;
    const clean = { ...kernels };
    for (const [op, kernel] of Object.entries(clean))
      dirty[op] = (call) => {
        call.output.fill(call.outputSpec.dtype.startsWith('float') ? Number.NaN : 111);
        kernel(call);
      };
    const results = (device: Device) => Promise.all(cases.map((given) => runCase(device, given, 'float32')));
    const dirtied = await results(await open()).finally(() => Object.assign(dirty, clean));
    const expected = await results(await open());
    cases.forEach(({ name }, i) => {
      const [got, want] = [dirtied[i]!, expected[i]!];
      assert.deepEqual([got.output, got.grads], [want.output, want.grads], name);
    });
  });

  it('is one shared device', () => {
    assert.equal(referenceDevice(), referenceDevice());
    assert.equal(referenceDevice().name, 'reference');
  });

  it('counts operations and peak memory', () => {
    const x = hostLeaf(new Float32Array(100), [100], 'float32');
    let y = x;
    for (let i = 0; i < 10; i++) y = ops.exp(y);
    const { stats } = new ReferenceEngine().compile(buildGraph([y], []).graph);
    assert.equal(stats.primitives, 10);
    assert.equal(stats.arenaBytes, 2 * 400, 'a chain needs its input and its output');
    assert.deepEqual(stats.scripted, ['exp']);
  });

  it('computes dropout masks as defined, for any length', () => {
    const key = Int32Array.of(0x12345678, -0x1234567, -1, 0x7fffffff);
    for (const p of [0, 0.1, 0.5, 0.999999])
      for (const length of [1, 7, 8, 9, 4099]) {
        const output = new Float64Array(length).fill(Number.NaN);
        const outputSpec = { shape: [length], dtype: 'float64' } as const;
        kernels.dropoutMask!({ inputs: [key], specs: [], output, outputSpec, attrs: shares(p) });
        assert.deepEqual([...output], maskByDefinition([...key], p, length));
      }
  });

  it('drops a share p of the elements', () => {
    const output = new Float32Array(1_000_000);
    const outputSpec = { shape: [output.length], dtype: 'float32' } as const;
    kernels.dropoutMask!({
      inputs: [Int32Array.of(1, 2, 3, 4)],
      specs: [],
      output,
      outputSpec,
      attrs: shares(0.3),
    });
    const dropped = output.filter((v) => v === 0).length / output.length;
    // Four standard deviations.
    assert.ok(Math.abs(dropped - 0.3) < 4 * Math.sqrt((0.3 * 0.7) / output.length), `${dropped}`);
  });
});

it('the shared device computes after somebody has closed it', async () => {
  const before = await tensor([1, 2]).to(referenceDevice());
  await referenceDevice().close();
  assert.deepEqual([...(await before.add(1).data())], [2, 3]);
});
