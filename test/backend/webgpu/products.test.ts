import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import type { GpuBuffer } from '../../../src/backend/webgpu/api.js';
import type { Variant } from '../../../src/backend/webgpu/builder.js';
import type { Prepared } from '../../../src/backend/webgpu/commands.js';
import { map } from '../../../src/backend/webgpu/kernels/map.js';
import type { ChoiceStore } from '../../../src/backend/webgpu/trials.js';
import { evaluate } from '../../../src/tensor/tensor.js';
import { openWebGpu, withoutGpu } from './open.js';
import { ALL, fixedKernels, MATRICES, PROGRAMS } from './programs.js';

const missing = await withoutGpu();

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

describe('kernels of products', { skip: missing }, () => {
  for (const [end, programs] of KERNELS)
    it(`${end}: the values of the reference engine`, async (t) => {
      const { choices, tried } = fixedKernels(end);
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
