import type { Conv2dAttrs } from '../../../ops/conv2d.js';
import { type Convolution, conv2d, conv2dGradInput, conv2dGradWeight } from '../../simd/conv/conv.js';
import type { WasmBuilder } from '../builder.js';
import { extraOfImages, withEpilogue } from './epilogue.js';
import { emitApart, emitPrepared } from './operation.js';

type Quad = Convolution['x'];

function convolution(b: WasmBuilder, x: number, w: number, y: number, attrs: Conv2dAttrs): Convolution {
  const [xs, ws, ys] = [x, w, y].map((i) => b.node(i).shape as unknown as Quad) as [Quad, Quad, Quad];
  const { stride, padding, dilation, groups } = attrs;
  return { x: xs, w: ws, y: ys, stride, padding, dilation, groups };
}

export function lowerConv2d(b: WasmBuilder, i: number): boolean {
  const { inputs, attrs } = b.node(i);
  const [x, w, bias] = inputs as [number, number, number | undefined];
  const shape = convolution(b, x, w, i, attrs as unknown as Conv2dAttrs);
  const { nodes, epilogue, extras } = withEpilogue(
    b,
    i,
    extraOfImages,
    bias === undefined ? undefined : [bias, 'row'],
  );
  const operation = conv2d(b.pool, shape, epilogue, b.algorithms.pick('forward', shape));
  const result = b.placeApart(nodes.at(-1)!, nodes);
  emitPrepared(b, nodes, operation, [b.regionOf(x), b.regionOf(w), result, ...extras], result);
  return true;
}

export function lowerConv2dGradInput(b: WasmBuilder, i: number): boolean {
  const { inputs, attrs } = b.node(i);
  const [grad, w] = inputs as [number, number];
  const shape = convolution(b, i, w, grad, attrs as unknown as Conv2dAttrs);
  return emitApart(b, i, conv2dGradInput(b.pool, shape, {}, b.algorithms.pick('input', shape)));
}

export function lowerConv2dGradWeight(b: WasmBuilder, i: number): boolean {
  const { inputs, attrs } = b.node(i);
  const [grad, x] = inputs as [number, number];
  const shape = convolution(b, x, i, grad, attrs as unknown as Conv2dAttrs);
  return emitApart(b, i, conv2dGradWeight(b.pool, shape, b.algorithms.pick('weights', shape)));
}
