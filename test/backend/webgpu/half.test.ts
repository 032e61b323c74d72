import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/open.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import type { Gpu, GpuAdapter } from '../../../src/backend/webgpu/api.js';
import type { WebGpuDevice } from '../../../src/backend/webgpu/device.js';
import type { EngineOptions } from '../../../src/backend/webgpu/engine.js';
import { webgpuDevice } from '../../../src/backend/webgpu/index.js';
import { openGpu } from '../../../src/backend/webgpu/node/open.js';
import type { ChoiceStore } from '../../../src/backend/webgpu/trials.js';
import { DeviceError } from '../../../src/errors/errors.js';
import * as ops from '../../../src/ops/index.js';
import { Parameter, queueUpdate } from '../../../src/tensor/parameter.js';
import { evaluate, Tensor, tensor } from '../../../src/tensor/tensor.js';
import { conformance } from '../../support/conformance.js';
import { NETS, trainSteps } from '../../support/nets/steps.js';
import { openWebGpu, withoutGpu } from './open.js';
import { ALL, fixedKernels, PROGRAMS, random } from './programs.js';

/** Why float16 cannot be tested here; false if it can. */
async function withoutHalf(): Promise<string | false> {
  const missing = await withoutGpu();
  if (missing) return missing;
  const device = await openWebGpu();
  const has = [...device.engine.device.features].includes('shader-f16');
  await device.close();
  return has ? false : 'the adapter has no float16';
}

const missing = await withoutHalf();

/** A device on which every product has its factors in float16. */
const openHalf = (options: EngineOptions = {}): Promise<WebGpuDevice> =>
  openWebGpu({ precision: 'float16', reuse: 0, ...options });

// float16 has 11 significant bits: a relative error of 1/2,048 for each factor, which sums and layers behind add up.
if (missing) it('the conformance of webgpu in float16', { skip: missing }, () => {});
else
  conformance('webgpu in float16', () => openHalf(), {
    rtol: 2e-2,
    atol: 2e-2,
    skipForms: 'which of two close values is the largest depends on rounding',
    skipExtremes: 'beside the largest float, float16 loses the other elements of a row',
  });

async function leaf(device: WebGpuDevice | undefined, values: Float32Array, shape: readonly number[]) {
  const made = new Parameter(values, shape);
  await made.place(device ?? referenceDevice());
  return made;
}

/** A · B and its gradients, with A multiplied by a factor. */
async function product(device: WebGpuDevice | undefined, a: Float32Array, b: Float32Array, factor: number) {
  const scaled = a.map((value) => value * factor);
  const [x, y] = [await leaf(device, scaled, [20, 30]), await leaf(device, b, [30, 25])];
  const result = new Tensor(ops.matmul(x.node, y.node));
  const weights = await leaf(device, random(3, 20, 25), [20, 25]);
  result.mul(weights).sum().backward();
  return (await evaluate(result, x.grad!, y.grad!)) as Float32Array[];
}

/** Compares with the largest of the expected values. */
function assertNear(got: Float32Array, wanted: Float32Array, relative: number, what: string): void {
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  for (const [i, value] of wanted.entries())
    assert.ok(Math.abs(got[i]! - value) <= relative * largest, `${what}, ${i}: ${got[i]}, not ${value}`);
}

/** What rows are multiplied by: from 2⁻⁴⁰ to 2⁴⁰. */
const sizeOf = (row: number): number => 2 ** (20 * (((row * 7) % 5) - 2));

/** The place of an element in each axis. */
const placeOf = (i: number, shape: readonly number[]): number[] =>
  shape.map((d, axis) => Math.floor(i / shape.slice(axis + 1).reduce((a, e) => a * e, 1)) % d);

/** A factor of a product: its shape, and the row to which an element belongs. */
interface Factor {
  readonly shape: readonly number[];
  readonly row: (place: readonly number[]) => number;
}

const enlarged = (values: Float32Array, { shape, row }: Factor): Float32Array =>
  values.map((value, i) => value * sizeOf(row(placeOf(i, shape))));

const along =
  (axis: number) =>
  (place: readonly number[]): number =>
    place[axis]!;

/** A product of two factors whose rows are multiplied, and the rows to which an element of the result belongs. */
interface Enlarged {
  readonly left: Factor;
  readonly right: Factor;
  readonly build: (left: Tensor, right: Tensor) => Tensor;
  readonly shape: readonly number[];
  readonly result: (place: readonly number[]) => readonly [number, number];
}

const zeros = (...shape: number[]): Tensor =>
  new Tensor(tensor(new Float32Array(shape.reduce((a, d) => a * d, 1)), { shape }).node, true);

const matrices = (
  left: readonly [number[], number],
  right: readonly [number[], number],
  shape: readonly number[],
  build: Enlarged['build'],
): Enlarged => ({
  left: { shape: left[0], row: along(left[1]) },
  right: { shape: right[0], row: along(right[1]) },
  build,
  shape,
  result: (place) => [place.at(-2)!, place.at(-1)!],
});

const conv = { stride: [2, 1], padding: [1, 0], dilation: [1, 1], groups: 2 } as const;
const convolved = (x: Tensor, w: Tensor): Tensor => new Tensor(ops.conv2d(x.node, w.node, undefined, conv));
const [IMAGES, WEIGHTS, RESULTS] = [
  [3, 4, 7, 8],
  [6, 2, 3, 3],
  [3, 6, 4, 6],
];

const ROWS: Readonly<Record<string, Enlarged>> = {
  'a product': matrices(
    [[20, 30], 0],
    [[30, 25], 1],
    [20, 25],
    (a, b) => new Tensor(ops.matmul(a.node, b.node)),
  ),
  'a product of transposed matrices': matrices(
    [[30, 20], 1],
    [[25, 30], 0],
    [20, 25],
    (a, b) => new Tensor(ops.matmul(a.node, b.node, { transposeA: true, transposeB: true })),
  ),
  'products of a batch': matrices(
    [[3, 20, 300], 1],
    [[3, 300, 25], 2],
    [3, 20, 25],
    (a, b) => new Tensor(ops.matmul(a.node, b.node)),
  ),
  'a layer': matrices(
    [[20, 9000], 0],
    [[3, 9000], 0],
    [20, 3],
    (x, w) => new Tensor(ops.linear(x.node, w.node)),
  ),
  'the gradient of its input': matrices([[20, 25], 0], [[25, 30], 1], [20, 30], (grad, w) => {
    const x = zeros(20, 30);
    new Tensor(ops.linear(x.node, w.node)).mul(grad).sum().backward();
    return x.grad!;
  }),
  'the gradient of its weights': matrices([[5000, 25], 1], [[5000, 3], 1], [25, 3], (grad, x) => {
    const w = zeros(25, 3);
    new Tensor(ops.linear(x.node, w.node)).mul(grad).sum().backward();
    return w.grad!;
  }),
  'a convolution': {
    // Channels of the two groups by themselves.
    left: { shape: IMAGES!, row: ([image, c]) => 2 * image! + Math.floor(c! / 2) },
    right: { shape: WEIGHTS!, row: along(0) },
    build: convolved,
    shape: RESULTS!,
    result: ([image, c]) => [2 * image! + Math.floor(c! / 3), c!],
  },
  'the gradient of its images': {
    left: { shape: RESULTS!, row: ([image, c]) => 2 * image! + Math.floor(c! / 3) },
    right: { shape: WEIGHTS!, row: ([out, c]) => 2 * Math.floor(out! / 3) + c! },
    build: (grad, w) => {
      const x = zeros(...IMAGES!);
      convolved(x, w).mul(grad).sum().backward();
      return x.grad!;
    },
    shape: IMAGES!,
    result: ([image, c]) => [2 * image! + Math.floor(c! / 2), c!],
  },
  'the gradient of its kernels': {
    left: { shape: RESULTS!, row: along(1) },
    right: { shape: IMAGES!, row: along(1) },
    build: (grad, x) => {
      const w = zeros(...WEIGHTS!);
      convolved(x, w).mul(grad).sum().backward();
      return w.grad!;
    },
    shape: WEIGHTS!,
    result: ([out, c]) => [out!, 2 * Math.floor(out! / 3) + c!],
  },
};

describe('webgpu in float16', { skip: missing }, () => {
  const closing = async (t: TestContext, device: Promise<WebGpuDevice>): Promise<WebGpuDevice> => {
    const opened = await device;
    t.after(() => opened.close());
    return opened;
  };

  for (const end of [
    '64×64 in workgroup memory, sums of 16 in float16',
    '32×32 in workgroup memory, sums of 16 in float16',
    '64×64 in workgroup memory',
    '32×4, subgroups of 8',
  ])
    it(`${end}: close to the reference engine`, async (t) => {
      const { choices, tried } = fixedKernels(end);
      const device = await closing(t, openHalf({ trials: true, choices }));
      if (end.includes('subgroups') && device.engine.limits.subgroup !== 8)
        return t.skip('the adapter has no subgroups of 8');
      for (const name of ALL) {
        const wanted = (await evaluate(...(await PROGRAMS[name]!(referenceDevice())))) as Float32Array[];
        const got = (await evaluate(...(await PROGRAMS[name]!(device)))) as Float32Array[];
        for (const [k, values] of wanted.entries()) {
          assertNear(got[k]!, values, 3e-3, `${name}, result ${k}`);
          assert.notDeepEqual(got[k], values, `${name}, result ${k} is in float16`);
        }
      }
      assert.deepEqual([...tried], []);
      return undefined;
    });

  it('kernels are tried on numbers in float16', async (t) => {
    const kept = new Map<string, string>();
    const choices: ChoiceStore = {
      get: (key) => kept.get(key),
      set: (key, name) => void kept.set(key, name),
      save: () => {},
    };
    const device = await closing(t, openHalf({ trials: true, choices }));
    await evaluate(...(await PROGRAMS[ALL[0]!]!(device)));
    const [[key, name]] = [...kept] as [[string, string]];
    assert.match(key, /^webgpu product float16 /);
    assert.match(name, /^product float16, \d+×\d+/);
  });

  for (const factor of [1e-30, 1e-9, 1e4, 1e30])
    it(`elements of ${factor} are neither lost nor infinite`, async (t) => {
      const device = await closing(t, openHalf());
      const [a, b] = [random(1, 20, 30), random(2, 30, 25)];
      const wanted = await product(undefined, a, b, factor);
      const got = await product(device, a, b, factor);
      for (const [k, values] of wanted.entries()) assertNear(got[k]!, values, 2e-3, `result ${k}`);
    });

  for (const [name, { left, right, build, result, shape }] of Object.entries(ROWS))
    it(`rows of very different sizes keep their digits: ${name}`, async (t) => {
      const device = await closing(t, openHalf());
      const [a, b] = [random(1, ...left.shape), random(2, ...right.shape)];
      const run = async (where: Device, x: Float32Array, y: Float32Array): Promise<Float32Array> => {
        const parts = [new Parameter(x, left.shape), new Parameter(y, right.shape)] as const;
        for (const part of parts) await part.place(where);
        return (await build(...parts).data()) as Float32Array;
      };
      const wanted = await run(referenceDevice(), a, b);
      const got = await run(device, enlarged(a, left), enlarged(b, right));
      const relative = got.map((value, i) => {
        const [row, column] = result(placeOf(i, shape));
        return value / (sizeOf(row) * sizeOf(column));
      });
      assertNear(relative, wanted, 3e-3, name);
    });

  it('NaN and infinity stay in the rows and columns that they touch', async (t) => {
    const device = await closing(t, openHalf());
    const [a, b] = [random(1, 20, 30), random(2, 30, 25)];
    a[3 * 30 + 4] = Number.NaN;
    a[7 * 30 + 9] = Number.POSITIVE_INFINITY;
    // Beside them, the largest size is that of the finite elements.
    const wanted = (await product(undefined, a, b, 1e-12))[0]!;
    const got = (await product(device, a, b, 1e-12))[0]!;
    const finite = wanted.filter(Number.isFinite);
    assert.equal(finite.length, 18 * 25);
    assertNear(got.filter(Number.isFinite), finite, 2e-3, 'finite elements');
    for (const [i, value] of wanted.entries())
      if (!Number.isFinite(value)) assert.ok(Object.is(got[i], value), `element ${i}: ${got[i]}`);
  });

  it('weights and updates are float32: a step below the resolution of float16 counts', async (t) => {
    const device = await closing(t, openHalf());
    const w = await leaf(device, random(4, 20, 20), [20, 20]);
    const before = (await w.storage!.read()) as Float32Array;
    const y = new Tensor(ops.matmul(w.node, w.node));
    const step = new Tensor(ops.add(w.node, new Tensor(y.node).mul(1e-6).node));
    queueUpdate([{ parameter: w, value: step.node }], [y]);
    const added = (await y.data()) as Float32Array;
    const after = (await w.storage!.read()) as Float32Array;
    const wanted = before.map((value, i) => value + 1e-6 * added[i]!);
    for (const [i, value] of wanted.entries()) assert.ok(Math.abs(after[i]! - value) < 1e-7, `${i}`);
    assert.notDeepEqual(after, before);
  });

  for (const [name, net] of Object.entries(NETS))
    it(`${name}: trains like float32, with the same bits each time`, async (t) => {
      const device = await closing(t, openHalf());
      const { device: other } = await openDevice('wasm', { threads: 1 });
      t.after(() => other.close());
      const losses = await trainSteps(device, net, 3);
      for (const [step, wanted] of (await trainSteps(other, net, 3)).entries())
        assert.ok(Math.abs(losses[step]! - wanted) <= 1e-2, `step ${step}: ${losses[step]}, not ${wanted}`);
      assert.deepEqual(await trainSteps(device, net, 3), losses);
    });

  it('values larger than a binding, and long products, are split', async (t) => {
    const net = NETS['four layers'];
    const [whole, split] = [
      await closing(t, openHalf()),
      await closing(t, openHalf({ binding: 64 * 1024, longest: 1e6 })),
    ];
    assert.deepEqual(await trainSteps(split, net, 2), await trainSteps(whole, net, 2));
  });

  it('products that read their elements rarely stay in float32', async (t) => {
    const [half, full] = [await closing(t, openHalf({ reuse: 64 })), await closing(t, openWebGpu())];
    const rare = 'a layer of a small batch';
    const run = async (device: WebGpuDevice, name: string) => evaluate(...(await PROGRAMS[name]!(device)));
    assert.deepEqual(await run(half, rare), await run(full, rare));
    assert.notDeepEqual(await run(half, ALL[0]!), await run(full, ALL[0]!));
  });

  it('is what the device says, and what `auto` keeps', async (t) => {
    const none = () => {};
    const known = (precision: string | undefined): ChoiceStore => ({
      get: (key) => (key === 'webgpu precision' ? precision : undefined),
      set: none,
      save: none,
    });
    for (const [wanted, choices, expected] of [
      ['float16', undefined, 'float16'],
      ['auto', undefined, 'float32'],
      ['auto', known('float16'), 'float16'],
      ['auto', known('float32'), 'float32'],
    ] as const) {
      const { device, about } = await openGpu({ precision: wanted, choices, trials: false });
      t.after(() => device.close());
      assert.equal((await device.info()).precision, expected);
      assert.match(about, new RegExp(`\\(${expected}\\)`));
    }
  });
});

describe('a number type that is not there', () => {
  const refused =
    (...words: RegExp[]) =>
    (error: unknown) => {
      assert.ok(error instanceof DeviceError, `${error}`);
      for (const word of words) assert.match(error.message, word);
      return true;
    };

  it('is refused: float16 on an adapter without the feature, bfloat16 on any', async () => {
    const info = { vendor: 'a', architecture: 'b', device: 'c', description: 'an old card' };
    const adapter = { info, features: ['subgroups'] } as unknown as GpuAdapter;
    const gpu: Gpu = { requestAdapter: async () => adapter };
    await assert.rejects(
      webgpuDevice({ gpu, precision: 'float16' }),
      refused(/float16/, /shader-f16/, /an old card/, /--precision float32/),
    );
    await assert.rejects(
      webgpuDevice({ gpu, precision: 'bfloat16' }),
      refused(/cannot compute with bfloat16/, /float16 or auto/),
    );
  });

  it('is refused: float16 on engines of the processor', async () => {
    for (const name of ['onednn', 'wasm', 'reference'] as const)
      await assert.rejects(
        openDevice(name, { precision: 'float16' }),
        refused(new RegExp(`Device "${name}" cannot compute with float16`), /--precision float32/),
      );
  });
});
