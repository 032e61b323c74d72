import { sizeOf } from '../../../graph/types.js';
import type { LrnAttrs } from '../../../ops/norm/local-response-norm.js';
import type { Value, WebGpuBuilder } from '../builder.js';
import { ALIGNMENT } from '../builder.js';
import { inRuns, together } from '../kernels/joined.js';
import { entry, WORKGROUP } from '../kernels/map.js';
import { literal } from '../kernels/wgsl.js';
import { emitElements, emitRows, emitScratch } from './emit.js';

/** Elements from one row of a value `[2, C]` to the next, so that both begin at aligned places. */
const rowStep = (channels: number): number => Math.ceil((channels * 4) / ALIGNMENT) * (ALIGNMENT / 4);

/** WGSL that adds up `total` of all lanes; the sum is then in the variable `name`. Every lane must reach it. */
const sumOver = (name: string, loop: string): string => `
  total = 0f;
  ${loop}
  ${together(name, (a, b) => `${a} + ${b}`, `shared_${name}`)}`;

/** A kernel with a workgroup for each row. @param sums names of the sums over all lanes */
const rowKernel = (rows: number, sums: readonly string[], body: string): string => `
${sums.map((name) => `var<workgroup> shared_${name}: array<f32, ${WORKGROUP}>;`).join('\n')}
${entry(`
  let row = min(block, ${rows - 1}u);
  let inside = block < ${rows}u;
  var total = 0f;
  ${body}`)}`;

/** A loop over the elements of a channel that adds to variables: `at` is the place of each. */
function overChannel(shape: readonly number[], sums: readonly string[], body: string): string {
  const [images, channels] = shape as [number, number];
  const area = sizeOf(shape.slice(2));
  return inRuns(
    images * area,
    sums,
    (first, end) => `for (var e = ${first}; e < ${end}; e += ${WORKGROUP}u) {
    let at = (e / ${area}u * ${channels}u + row) * ${area}u + e % ${area}u;
    ${body}
  }`,
  );
}

/** A variance; NaN where squares have left the range of float32, for which all normalised values would be 0. */
const inRange = (variance: string): string => `select(notNumber(), ${variance}, isFinite(${variance}))`;

/** Mean and biased variance of each channel. */
export function lowerChannelStats(b: WebGpuBuilder, i: number): void {
  const { shape } = b.node(b.node(i).inputs[0]!);
  const channels = shape[1]!;
  const count = literal(sizeOf(shape) / channels);
  const output = b.scratch('float32', 2 * rowStep(channels));
  const code = rowKernel(
    channels,
    ['sum', 'squares'],
    `${sumOver('sum', overChannel(shape, ['total'], 'total += in0(at);'))}
  let mean = sum / ${count};
  ${sumOver('squares', overChannel(shape, ['total'], 'let d = in0(at) - mean; total += d * d;'))}
  if (lane == 0u && inside) {
    put0(row, mean);
    put0(${rowStep(channels)}u + row, ${inRange(`squares / ${count}`)});
  }`,
  );
  emitRows(b, i, channels, code, { output });
}

/** Sums over each channel of g, and of g · x̂, from g, x and the statistics of x. */
export function lowerChannelSums(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const { shape } = b.node(inputs[1]!);
  const channels = shape[1]!;
  const step = rowStep(channels);
  const output = b.scratch('float32', 2 * step);
  const code = rowKernel(
    channels,
    ['plain', 'weighted'],
    `let mean = in2(row);
  let inverse = 1f / sqrt(in2(${step}u + row) + ${literal(attrs.eps as number)});
  var along = 0f;
  ${sumOver('plain', overChannel(shape, ['total', 'along'], 'let g = in0(at); total += g; along += g * ((in1(at) - mean) * inverse);'))}
  ${sumOver('weighted', 'total = along;')}
  if (lane == 0u && inside) {
    put0(row, plain);
    put0(${step}u + row, weighted);
  }`,
  );
  emitRows(b, i, channels, code, { output });
}

/** One row of a value `[2, C]`, without a copy. */
export function lowerChannelRow(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const channels = b.node(inputs[0]!).shape[1]!;
  const start = (attrs.row as number) * rowStep(channels) * 4;
  b.define(i, b.part(b.value(inputs[0]!), start, channels));
}

/** One number of a value, without a copy. */
export function lowerElement(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  b.define(i, b.part(b.value(inputs[0]!), (attrs.index as number) * 4, 1));
}

/** A value `[2, C]` with its rows one behind the other. */
export function lowerChannelRows(b: WebGpuBuilder, i: number): void {
  const channels = b.node(i).shape[1]!;
  const from = b.value(b.node(i).inputs[0]!);
  const output = b.newValue(i);
  emitScratch(b, i, output, [from], {
    kernel: 'copy',
    value: `return in0(i / ${channels}u * ${rowStep(channels)}u + i % ${channels}u);`,
  });
  b.define(i, output);
}

/** A loop over the elements of a row: `at` is the place of each. @param sums variables to which it adds */
const rowLoop = (length: number, body: string, sums: readonly string[] = ['total']): string =>
  inRuns(
    length,
    sums,
    (first, end) =>
      `for (var j = ${first}; j < ${end}; j += ${WORKGROUP}u) { let at = row * ${length}u + j; ${body} }`,
  );

/** WGSL for `mean` and `inverse` of a row of input k. */
const rowMoments = (k: number, length: number, eps: number): string => `
  ${sumOver('sum', rowLoop(length, `total += in${k}(at);`))}
  let mean = sum / ${literal(length)};
  ${sumOver('squares', rowLoop(length, `let d = in${k}(at) - mean; total += d * d;`))}
  let inverse = 1f / sqrt(${inRange(`squares / ${literal(length)}`)} + ${literal(eps)});`;

export function lowerNormalizeRows(b: WebGpuBuilder, i: number): void {
  const { shape, attrs } = b.node(i);
  const [rows, length] = shape as [number, number];
  const code = rowKernel(
    rows,
    ['sum', 'squares'],
    `${rowMoments(0, length, attrs.eps as number)}
  if (inside) { ${rowLoop(length, 'put0(at, (in0(at) - mean) * inverse);', [])} }`,
  );
  emitRows(b, i, rows, code);
}

export function lowerNormalizeRowsGrad(b: WebGpuBuilder, i: number): void {
  const { shape, attrs } = b.node(i);
  const [rows, length] = shape as [number, number];
  const code = rowKernel(
    rows,
    ['sum', 'squares', 'plain', 'along'],
    `${rowMoments(1, length, attrs.eps as number)}
  ${sumOver('plain', rowLoop(length, 'total += in0(at);'))}
  ${sumOver('along', rowLoop(length, 'total += in0(at) * ((in1(at) - mean) * inverse);'))}
  if (inside) {
    ${rowLoop(
      length,
      `put0(at, inverse * (in0(at) - plain / ${literal(length)} - (in1(at) - mean) * inverse * (along / ${literal(length)})));`,
      [],
    )}
  }`,
  );
  emitRows(b, i, rows, code);
}

/** Body that adds up the squares around channel `c` of the position `at` of channel 0: `scale`. */
const squares = ({ size, alpha, k }: LrnAttrs, channels: number, area: number): string => `
  var sum = 0f;
  for (var q = max(0, c - ${Math.floor(size / 2)}); q <= min(${channels - 1}, c + ${Math.floor((size - 1) / 2)}); q++) {
    let v = in0(base + u32(q) * ${area}u);
    sum += v * v;
  }
  let scale = ${literal(k)} + ${literal(alpha / size)} * sum;`;

function layout(b: WebGpuBuilder, i: number): { channels: number; area: number; place: string } {
  const { shape } = b.node(i);
  const [channels, area] = [shape[1]!, sizeOf(shape.slice(2))];
  return {
    channels,
    area,
    place: `let c = i32(i / ${area}u % ${channels}u);
  let base = i / ${channels * area}u * ${channels * area}u + i % ${area}u;`,
  };
}

export function lowerLrn(b: WebGpuBuilder, i: number): void {
  const attrs = b.node(i).attrs as unknown as LrnAttrs;
  const { channels, area, place } = layout(b, i);
  emitElements(b, i, {
    value: `${place}
  ${squares(attrs, channels, area)}
  return in0(i) * powerOf(scale, ${literal(-attrs.beta)});`,
  });
}

/** dx_c = g_c · S_c^−β − 2αβ / size · x_c · Σ_j g_j · x_j · S_j^−(β+1), over the channels j whose windows contain c. */
export function lowerLrnGrad(b: WebGpuBuilder, i: number): void {
  const attrs = b.node(i).attrs as unknown as LrnAttrs;
  const x = b.node(i).inputs[1]!;
  const { channels, area, place } = layout(b, i);
  const scales: Value = b.scratch('float32', sizeOf(b.node(i).shape));
  emitScratch(b, i, scales, [b.value(x)], {
    kernel: 'localResponseNorm scale',
    value: `${place}\n  ${squares(attrs, channels, area)}\n  return scale;`,
  });
  const { size, alpha, beta } = attrs;
  emitElements(b, i, {
    also: [scales],
    value: `${place}
  var sum = 0f;
  for (var q = max(0, c - ${Math.floor((size - 1) / 2)}); q <= min(${channels - 1}, c + ${Math.floor(size / 2)}); q++) {
    let j = base + u32(q) * ${area}u;
    sum += in0(j) * in1(j) * powerOf(in2(j), ${literal(-beta - 1)});
  }
  return in0(i) * powerOf(in2(i), ${literal(-beta)}) - ${literal((2 * alpha * beta) / size)} * in1(i) * sum;`,
  });
}
