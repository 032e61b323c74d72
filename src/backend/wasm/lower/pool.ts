import type { AvgPoolAttrs, MaxPoolAttrs } from '../../../ops/pool.js';
import {
  averagePool2d,
  averagePool2dGrad,
  maxPool2d,
  maxPool2dGrad,
  type Planes,
  type Windows,
} from '../../simd/pool2d/pool2d.js';
import { type Average, adaptiveWindows, averageWindows, maxWindows } from '../../simd/pool2d/windows.js';
import type { WasmBuilder } from '../builder.js';
import { emitApart } from './operation.js';

/** Planes of the image x and of the pooled y. */
function planesOf(b: WasmBuilder, x: number, y: number): Planes {
  const [images, channels, height, width] = b.node(x).shape as [number, number, number, number];
  const [, , rows, columns] = b.node(y).shape as [number, number, number, number];
  return { planes: images * channels, height, width, rows, columns };
}

const AXES = [0, 1] as const;
const sizes = ({ height, width, rows, columns }: Planes) => [
  { size: height, count: rows },
  { size: width, count: columns },
];

function maximal(planes: Planes, { kernel, stride, padding, dilation }: MaxPoolAttrs): Windows {
  const [rows, columns] = AXES.map((d) => {
    const { size, count } = sizes(planes)[d]!;
    const one = { kernel: kernel[d], stride: stride[d], padding: padding[d], dilation: dilation[d] };
    return maxWindows(size, count, one);
  });
  return { rows: rows!, columns: columns!, step: dilation };
}

function averaged(planes: Planes, attrs: AvgPoolAttrs): Windows<Average> {
  const { kernel, stride, padding, countIncludePad } = attrs;
  const [rows, columns] = AXES.map((d) => {
    const { size, count } = sizes(planes)[d]!;
    return averageWindows(size, count, {
      kernel: kernel[d],
      stride: stride[d],
      padding: padding[d],
      countIncludePad,
    });
  });
  return { rows: rows!, columns: columns!, step: [1, 1] };
}

function adaptive(planes: Planes): Windows<Average> {
  const [rows, columns] = sizes(planes).map(({ size, count }) => adaptiveWindows(size, count));
  return { rows: rows!, columns: columns!, step: [1, 1] };
}

const attrsOf = <T>(b: WasmBuilder, i: number): T => b.node(i).attrs as unknown as T;

export function lowerMaxPool(b: WasmBuilder, i: number): boolean {
  const [x] = b.node(i).inputs as [number];
  const planes = planesOf(b, x, i);
  const operation = maxPool2d(b.pool, planes, maximal(planes, attrsOf(b, i)));
  return emitApart(b, i, operation);
}

export function lowerMaxPoolGrad(b: WasmBuilder, i: number): boolean {
  const [grad, x] = b.node(i).inputs as [number, number];
  const planes = planesOf(b, x, grad);
  return emitApart(b, i, maxPool2dGrad(b.pool, planes, maximal(planes, attrsOf(b, i))));
}

export function lowerAvgPool(b: WasmBuilder, i: number): boolean {
  const planes = planesOf(b, b.node(i).inputs[0]!, i);
  return emitApart(b, i, averagePool2d(b.pool, planes, averaged(planes, attrsOf(b, i))));
}

export function lowerAvgPoolGrad(b: WasmBuilder, i: number): boolean {
  const planes = planesOf(b, i, b.node(i).inputs[0]!);
  return emitApart(b, i, averagePool2dGrad(b.pool, planes, averaged(planes, attrsOf(b, i))));
}

export function lowerAdaptivePool(b: WasmBuilder, i: number): boolean {
  const planes = planesOf(b, b.node(i).inputs[0]!, i);
  return emitApart(b, i, averagePool2d(b.pool, planes, adaptive(planes)));
}

export function lowerAdaptivePoolGrad(b: WasmBuilder, i: number): boolean {
  const planes = planesOf(b, i, b.node(i).inputs[0]!);
  return emitApart(b, i, averagePool2dGrad(b.pool, planes, adaptive(planes)));
}
