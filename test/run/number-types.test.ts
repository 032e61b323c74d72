import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError } from '../../src/errors/errors.js';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../../src/interop/half.js';
import { readSafetensors } from '../../src/interop/safetensors/index.js';
import { decodeWeights, encodeWeights } from '../../src/interop/safetensors/memory.js';
import { readWeights } from '../../src/interop/weights.js';
import { Module, Sequential } from '../../src/nn/index.js';
import { saveWeights } from '../../src/run/checkpoint.js';
import { readKernels } from '../../src/run/kernel-files.js';
import { loadWeights } from '../../src/run/load-weights.js';
import { Parameter } from '../../src/tensor/parameter.js';
import type { Tensor } from '../../src/tensor/tensor.js';
import { makeToyNet, scratch, toyConfig, toyRun } from '../support/toy.js';

const device = referenceDevice();

/** Makes float64 of a batch. */
class Widen extends Module {
  forward(x: Tensor): Tensor {
    return x.toFloat('float64');
  }
}

/** Counts something that no optimizer changes. */
class Count extends Module {
  readonly seen = new Parameter(Int32Array.of(3, -(2 ** 30) - 1), [2], { trainable: false });
  forward(x: Tensor): Tensor {
    return x;
  }
}

const inFloat32 = (): Module => new Sequential(new Count(), ...makeToyNet());
const inFloat64 = (): Promise<Module> => new Sequential(new Widen(), ...makeToyNet()).toFloat('float64');
const counted = (): Promise<Module> =>
  new Sequential(new Widen(), new Count(), ...makeToyNet()).toFloat('float64');

describe('a run in float64', () => {
  const config = toyConfig({ schedule: { kind: 'constant' }, ema: 0.5 });

  test('resumes to the last bit; its files have its numbers', async (t) => {
    const [one, two] = [await scratch(t), await scratch(t)].map((folder) => join(folder, 'run'));
    const whole = await toyRun(device, one!, { config, net: counted });
    await whole.trainer.run();
    const half = await toyRun(device, two!, { config: { ...config, maxSteps: 7 }, net: counted });
    await half.trainer.run();
    const rest = await toyRun(device, two!, { config, net: counted, resume: true });
    await rest.trainer.run();
    const expected = await whole.trainer.weights();
    assert.deepEqual(await rest.trainer.weights(), expected);
    assert.deepEqual(expected.get('1.seen'), Int32Array.of(3, -(2 ** 30) - 1));

    const { latest, best } = await rest.folder.state();
    const { tensors } = await readSafetensors(rest.folder.checkpoints.file(latest!));
    const formats = new Set([...tensors].map(([name, { dtype }]) => `${name.split('.')[0]} ${dtype}`));
    assert.deepEqual(formats, new Set(['model F64', 'momentum F64', 'ema F64', 'model I32']));
    const weight = tensors.get('model.2.weight')!.data as Float64Array;
    assert.deepEqual(weight, expected.get('2.weight'));
    assert.ok(weight.some((value) => value !== Math.fround(value)));
    const weights = await readSafetensors(rest.folder.checkpoints.file(best!.file));
    assert.equal(weights.tensors.get('2.weight')!.dtype, 'F64');
    // The dashboard's images of kernels are in float32.
    const kernels = await readKernels(two!, 15);
    assert.deepEqual([kernels.count, kernels.data.constructor], [8, Float32Array]);
  });

  test('does not resume as one in float32, nor the other way round', async (t) => {
    for (const [net, other, words] of [
      [inFloat64, inFloat32, /another run.*float32 \(F32\).*got F64/s],
      [inFloat32, inFloat64, /another run.*float64 \(F64\).*got F32/s],
    ] as const) {
      const path = join(await scratch(t), 'run');
      const short = { ...config, maxSteps: 2 };
      await (await toyRun(device, path, { config: short, net })).trainer.run();
      await assert.rejects(
        toyRun(device, path, { config, net: other, resume: true }),
        (error) => error instanceof CheckpointError && words.test(error.message),
      );
    }
  });
});

/** Numbers of each type, some of which other types do not have. */
class Mixed extends Module {
  readonly wide: Parameter;
  readonly narrow: Parameter;
  readonly table: Parameter;
  readonly bytes: Parameter;

  constructor(factor = 1) {
    super();
    const part = (size: number) => Array.from({ length: size }, (_, i) => (factor * (i + 1)) / 3);
    this.wide = new Parameter(Float64Array.from(part(6)), [2, 3]);
    this.narrow = new Parameter(Float32Array.from(part(4)), [4]);
    this.table = new Parameter(
      Int32Array.of(2 ** 31 - 1, -7).map((v) => factor * v),
      [2],
      {
        trainable: false,
      },
    );
    this.bytes = new Parameter(
      Uint8Array.of(1, 255, 7).map((v) => factor * v),
      [3],
      { trainable: false },
    );
  }
  forward(x: Tensor): Tensor {
    return x;
  }
}

const valuesOf = async (model: Module) =>
  Object.fromEntries(
    await Promise.all([...model.stateDict()].map(async ([name, p]) => [name, await p.data()] as const)),
  );

describe('weights of several types', () => {
  for (const ending of ['safetensors', 'pth'])
    for (const place of ['host', 'device'])
      test(`go through a .${ending} file exactly, from the ${place}`, async (t) => {
        const file = join(await scratch(t), `w.${ending}`);
        const model = new Mixed();
        if (place === 'device') await model.to(device);
        await saveWeights(file, model);
        const other = new Mixed(0);
        await loadWeights(file, other);
        assert.deepEqual(await valuesOf(other), await valuesOf(new Mixed()));
      });

  test('are the same bytes in memory', async () => {
    const { tensors } = await decodeWeights(await encodeWeights(new Mixed()));
    const formats = [...tensors].map(([name, { dtype }]) => [name, dtype]);
    assert.deepEqual(Object.fromEntries(formats), { wide: 'F64', narrow: 'F32', table: 'I32', bytes: 'U8' });
    const other = new Mixed(0);
    other.loadStateDict(tensors as never);
    assert.deepEqual(await valuesOf(other), await valuesOf(new Mixed()));
  });

  test('are rounded on request, but for integers', async (t) => {
    const { wide, narrow, table, bytes } = (await valuesOf(new Mixed())) as {
      wide: Float64Array;
      narrow: Float32Array;
      table: Int32Array;
      bytes: Uint8Array;
    };
    for (const [dtype, round] of [
      ['float32', (values: Float32Array) => values],
      ['float16', (values: Float32Array) => fromFloat16(toFloat16(values))],
      ['bfloat16', (values: Float32Array) => fromBfloat16(toBfloat16(values))],
    ] as const)
      for (const ending of ['safetensors', 'pth']) {
        const file = join(await scratch(t), `w.${ending}`);
        await saveWeights(file, new Mixed(), {}, { dtype });
        const { tensors } = await readWeights(file);
        const got = Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));
        const expected = {
          wide: round(Float32Array.from(wide)),
          narrow: round(narrow),
          table,
          bytes,
        };
        for (const [name, values] of Object.entries(expected))
          assert.deepEqual(got[name], [...values], `${dtype} ${ending} ${name}`);
      }
  });
});
