import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import type { GpuBuffer } from '../../../src/backend/webgpu/api.js';
import type { Variant } from '../../../src/backend/webgpu/builder.js';
import type { Prepared } from '../../../src/backend/webgpu/commands.js';
import { map } from '../../../src/backend/webgpu/kernels/map.js';
import type { ChoiceStore } from '../../../src/backend/webgpu/trials.js';
import * as ops from '../../../src/ops/index.js';
import { Generator } from '../../../src/random.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { evaluate, Tensor } from '../../../src/tensor/tensor.js';
import { openWebGpu, withoutGpu } from './open.js';

const missing = await withoutGpu();

function random(seed: number, ...shape: number[]): Float32Array {
  const generator = new Generator(seed);
  return Float32Array.from({ length: shape.reduce((a, d) => a * d, 1) }, () => generator.uniform(-1, 1));
}

const leaf = async (device: Device, seed: number, ...shape: number[]): Promise<Parameter> => {
  const made = new Parameter(random(seed, ...shape), shape);
  await made.place(device);
  return made;
};

/** Sizes that are no multiples of tiles, and enough work for a trial. */
const PROGRAMS: Record<string, (device: Device) => Promise<readonly Tensor[]>> = {
  'a matrix product': async (device) => {
    const [a, b] = [await leaf(device, 1, 150, 190), await leaf(device, 2, 190, 201)];
    return [new Tensor(ops.matmul(a.node, b.node))];
  },
  'a layer with its gradients': async (device) => {
    const [x, w] = [await leaf(device, 3, 130, 203), await leaf(device, 4, 210, 203)];
    const bias = await leaf(device, 5, 210);
    const y = new Tensor(ops.relu(ops.linear(x.node, w.node, bias.node)));
    y.mul(y).sum().backward();
    return [y, x.grad!, w.grad!, bias.grad!];
  },
  'a convolution with its gradients': async (device) => {
    const attrs = { stride: [2, 1], padding: [1, 2], dilation: [1, 2], groups: 2 } as const;
    const [x, w] = [await leaf(device, 6, 3, 66, 17, 19), await leaf(device, 7, 70, 33, 3, 3)];
    const y = new Tensor(ops.conv2d(x.node, w.node, undefined, attrs));
    y.mul(y).sum().backward();
    return [y, x.grad!, w.grad!];
  },
};

const ALL = Object.keys(PROGRAMS);
const MATRICES = ALL.slice(0, 2);

/** Few rows, each of which is a long sum. */
PROGRAMS['a layer of a small batch'] = async (device) => {
  const [x, w] = [await leaf(device, 8, 3, 2051), await leaf(device, 9, 1001, 2051)];
  return [new Tensor(ops.linear(x.node, w.node, (await leaf(device, 10, 1001)).node))];
};

/** Ends of the names of kernels, and the programs whose products are large enough for them. */
const KERNELS: readonly (readonly [end: string, programs: readonly string[]])[] = [
  ['64×64 in workgroup memory', ALL],
  ['32×32 in workgroup memory', ALL],
  ['128×64 in workgroup memory', MATRICES],
  ['3×4 along the sum', ['a layer of a small batch']],
  ['32×4, subgroups of 8', ALL],
  ['64×4, subgroups of 8', MATRICES],
];

const compute = async (device: Device, name: string): Promise<Float32Array[]> =>
  (await evaluate(...(await PROGRAMS[name]!(device)))) as Float32Array[];

const expected = new Map<string, Float32Array[]>();

async function agrees(device: Device, name: string): Promise<void> {
  if (!expected.has(name)) expected.set(name, await compute(referenceDevice(), name));
  const got = await compute(device, name);
  for (const [k, wanted] of expected.get(name)!.entries())
    for (const [i, value] of wanted.entries())
      assert.ok(
        Math.abs(got[k]![i]! - value) <= 1e-4 * (1 + Math.abs(value)),
        `${name}, result ${k}, element ${i}: ${got[k]![i]} instead of ${value}`,
      );
}

/** Choices that are all known, and a record of those that were made by trial. */
function fixed(end: string): { readonly choices: ChoiceStore; readonly tried: Set<string> } {
  const tried = new Set<string>();
  const kindOf = (key: string): string => /^webgpu (.*?) [\d,]+ ×/.exec(key)![1]!;
  return {
    choices: { get: (key) => `${kindOf(key)}, ${end}`, set: (key) => void tried.add(key), save: () => {} },
    tried,
  };
}

describe('kernels of products', { skip: missing }, () => {
  for (const [end, programs] of KERNELS)
    it(`${end}: the values of the reference engine`, async (t) => {
      const { choices, tried } = fixed(end);
      const device = await openWebGpu({ trials: true, choices });
      t.after(() => device.close());
      if (end.includes('subgroups') && device.engine.limits.subgroup !== 8)
        return t.skip('the adapter has no subgroups of 8');
      for (const name of programs) await agrees(device, name);
      assert.deepEqual([...tried], []);
      return undefined;
    });

  it('are tried once, and the choice is kept', async () => {
    const kept = new Map<string, string>();
    const choices: ChoiceStore = {
      get: (key) => kept.get(key),
      set: (key, name) => {
        assert.ok(!kept.has(key), key);
        kept.set(key, name);
      },
      save: () => {},
    };
    for (let opened = 0; opened < 2; opened++) {
      const device = await openWebGpu({ trials: true, choices });
      await agrees(device, ALL[0]!);
      const memory = device.engine.memory.bytes;
      await agrees(device, ALL[0]!);
      assert.equal(device.engine.memory.bytes, memory);
      await device.close();
    }
    assert.equal(kept.size, 1);
    const [[key, name]] = [...kept] as [[string, string]];
    assert.match(key, /^webgpu product 150,201,/);
    assert.match(name, /^product, \d+×\d+/);
  });

  it('that are wrong are not used', async () => {
    const device = await openWebGpu({ trials: true });
    const buffers: GpuBuffer[] = [];
    const count = 5000;
    const variant = (value: string, more: { count?: number; code?: string } = {}): Variant => {
      const program = map({
        kernel: `test, ${value}`,
        inputs: ['float32'],
        output: 'float32',
        count: `${more.count ?? count}u`,
        value: `return ${value};`,
      });
      return { program: { ...program, ...more }, groups: Math.ceil(count / 64) };
    };
    try {
      const { engine } = device;
      const operand = () => ({
        buffer: engine.memory.buffer(4 * count, 'a test'),
        offset: 0,
        dtype: 'float32' as const,
        count,
      });
      const right = variant('2f * in0(i)');
      const work: Prepared = {
        ...right,
        inputs: [operand()],
        outputs: [operand()],
        params: [],
        step: 0,
        about: 'a test',
        macs: 1e9,
      };
      buffers.push(work.inputs[0]!.buffer, work.outputs[0]!.buffer);
      const wrong = [
        variant('2.01f * in0(i)'),
        variant('select(2f, 3f, i == 4999u) * in0(i)'),
        variant('2f * in0(i) + 0f', { count: count - 1 }),
        variant('in0(i) / 0f'),
        variant('no WGSL', { code: 'this is no WGSL' }),
      ];
      const chosen = await engine.binder(buffers).choose({ variants: [right, ...wrong], work });
      assert.equal(chosen, right);
    } finally {
      await device.close();
    }
  });
});

it('long products are split into commands, with the same bits', { skip: missing }, async () => {
  const [whole, split] = [await openWebGpu(), await openWebGpu({ longest: 1e6 })];
  try {
    for (const name of ALL) assert.deepEqual(await compute(split, name), await compute(whole, name), name);
    const commands = async (device: typeof whole): Promise<number> =>
      (await device.stats()).reduce((sum, { primitives }) => sum + primitives, 0);
    assert.ok((await commands(split)) > (await commands(whole)));
  } finally {
    await whole.close();
    await split.close();
  }
});
