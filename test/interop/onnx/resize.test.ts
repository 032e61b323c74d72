import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nn } from '../../../src/core.js';
import type { Message } from '../../../src/files/protobuf.js';
import { importOnnx } from '../../../src/interop/onnx/index.js';
import { patterned } from '../../support/onnx/cases.js';
import { farthest, runtimes, type Values } from '../../support/onnx/runtimes.js';
import { floats, int, ints, numbers, word, writeOnnx } from '../../support/onnx/writer.js';

/* Resize and Upsample of ONNX files, beside functional.interpolate and onnxruntime. */

const INPUT = [2, 3, 6, 5] as const;

interface Resized {
  readonly scales?: readonly number[];
  readonly sizes?: readonly number[];
  readonly attributes: readonly Message[];
  readonly opset?: number;
  readonly axes?: readonly number[];
}

function written({ scales, sizes, attributes, opset = 18, axes }: Resized): Uint8Array {
  const old = opset < 11;
  const factors = scales ? ['scales'] : [''];
  return writeOnnx({
    opset,
    nodes: [
      {
        type: opset < 10 ? 'Upsample' : 'Resize',
        inputs: old ? ['x', 'scales'] : ['x', '', ...factors, ...(sizes ? ['sizes'] : [])],
        attributes: [...attributes, ...(axes ? [ints('axes', axes)] : [])],
      },
    ],
    tensors: [
      ...(scales ? [floats('scales', [scales.length], Float32Array.from(scales))] : []),
      ...(sizes ? [numbers('sizes', sizes)] : []),
    ],
    input: ['n', ...INPUT.slice(1)],
    ...(sizes && !axes ? { input: INPUT } : {}),
  });
}

const mode = (name: string, coordinates?: string, nearest?: string): Message[] => [
  word('mode', name),
  ...(coordinates ? [word('coordinate_transformation_mode', coordinates)] : []),
  ...(nearest ? [word('nearest_mode', nearest)] : []),
];

const { interpolate } = nn.functional;
type Like = Parameters<typeof interpolate>[1];

const CASES: Readonly<Record<string, Resized & { readonly like?: Like }>> = {
  'nearest by scales, as PyTorch writes it': {
    scales: [1, 1, 2, 3],
    attributes: mode('nearest', 'asymmetric', 'floor'),
    like: { scaleFactor: [2, 3] },
  },
  'nearest by sizes': {
    sizes: [2, 3, 9, 4],
    attributes: mode('nearest', 'asymmetric', 'floor'),
    like: { size: [9, 4] },
  },
  bilinear: {
    scales: [1, 1, 2, 2],
    attributes: mode('linear', 'half_pixel'),
    like: { scaleFactor: 2, mode: 'bilinear' },
  },
  'bilinear, smaller': {
    sizes: [2, 3, 4, 3],
    attributes: mode('linear', 'pytorch_half_pixel'),
    like: { size: [4, 3], mode: 'bilinear' },
  },
  'aligned corners of chosen axes': {
    sizes: [11, 9],
    axes: [2, 3],
    attributes: mode('linear', 'align_corners'),
    like: { size: [11, 9], mode: 'bilinear', alignCorners: true },
  },
  'linear, asymmetric': { scales: [1, 1, 1.5, 2], attributes: mode('linear', 'asymmetric') },
  'nearest, half pixels': {
    scales: [1, 1, 2.5, 0.7],
    attributes: mode('nearest', 'half_pixel', 'round_prefer_floor'),
  },
  'nearest, rounded up': { scales: [1, 1, 2.5, 1.7], attributes: mode('nearest', 'half_pixel', 'ceil') },
  'nearest, halves up': {
    scales: [1, 1, 2, 1.7],
    attributes: mode('nearest', 'half_pixel', 'round_prefer_ceil'),
    axes: [0, 1, 2, 3],
  },
  'Resize of opset 10': { scales: [1, 1, 2, 3], opset: 10, attributes: mode('nearest') },
  'Upsample of opset 9': { scales: [1, 1, 2, 3], opset: 9, attributes: mode('linear') },
};

describe('resizing of ONNX files', () => {
  for (const [name, { like, ...resized }] of Object.entries(CASES))
    it(name, async () => {
      const bytes = written(resized);
      const x = patterned(INPUT);
      const y = importOnnx(bytes).forward(x);
      const data = (await y.data()) as Values;
      if (like) {
        const wanted = interpolate(x, like);
        assert.deepEqual(y.shape, wanted.shape);
        assert.ok(farthest(data, (await wanted.data()) as Values) <= 1e-6);
      }
      for (const { name: which, provider, found } of runtimes) {
        if (typeof found === 'string') continue;
        const session = await found.InferenceSession.create(bytes, { executionProviders: [provider] });
        const given = new found.Tensor('float32', (await x.data()) as Values, x.shape);
        const { y: theirs } = await session.run({ x: given });
        await session.release();
        assert.ok(farthest(data, theirs!.data) <= 1e-5, which);
      }
    });

  it('in ways that are not supported are refused', () => {
    for (const [resized, message] of [
      [{ scales: [1, 1, 2, 2], attributes: mode('cubic') }, /"mode".*nearest or linear.*"cubic"/],
      [
        { scales: [1, 1, 2, 2], attributes: mode('linear', 'tf_crop_and_resize') },
        /coordinate_transformation/,
      ],
      [{ scales: [1, 1, 2, 2], attributes: [...mode('linear'), int('antialias', 1)] }, /antialias/],
      [{ scales: [1, 1, 1, 1.5], attributes: mode('linear', 'align_corners') }, /whole sizes.*5 × 1\.5/],
      [{ scales: [1, 2, 2], attributes: mode('linear') }, /its scales.*4 numbers above 0/],
      [{ attributes: mode('linear') }, /either scales or sizes.*neither/],
      [{ scales: [1, 1, 0.1, 1], attributes: mode('linear') }, /at least one element left/],
      [{ scales: [1, 1, 1e5, 1e5], attributes: mode('nearest') }, /too large/],
    ] as const)
      assert.throws(() => importOnnx(written(resized)), message);
  });
});
