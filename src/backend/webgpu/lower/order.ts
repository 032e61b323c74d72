import type { WebGpuBuilder } from '../builder.js';
import { entry, WORKGROUP } from '../kernels/map.js';
import { literal } from '../kernels/wgsl.js';
import { emitElements, emitRows, numberIn } from './emit.js';
import { aroundAxis } from './rows.js';
import { floatKey, sortRows } from './sort.js';

/** The first position of the largest value; NaN is the largest. */
export function lowerArgmax(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const { length, inner } = aroundAxis(b, inputs[0]!, attrs.axis as number);
  emitElements(b, i, {
    value: `let begin = i / ${inner}u * ${length * inner}u + i % ${inner}u;
  var best = in0(begin);
  var found = 0;
  for (var j = 1u; j < ${length}u && !isNaN(best); j++) {
    let v = in0(begin + j * ${inner}u);
    if (v > best || isNaN(v)) { best = v; found = i32(j); }
  }
  return found;`,
  });
}

export function lowerCumsum(b: WebGpuBuilder, i: number): void {
  const { attrs } = b.node(i);
  const { outer, length, inner } = aroundAxis(b, i, attrs.axis as number);
  const at = attrs.reverse ? `${length - 1}u - j` : 'j';
  const code = entry(`
  if (i >= ${outer * inner}u) { return; }
  let begin = i / ${inner}u * ${length * inner}u + i % ${inner}u;
  var total = 0f;
  // The rounding errors of the sum are added up beside it.
  var rest = 0f;
  for (var j = 0u; j < ${length}u; j++) {
    let place = begin + (${at}) * ${inner}u;
    let v = in0(place) + rest;
    let next = opaque(total + v, 1u);
    rest = select(0f, v - (next - total), isFinite(next));
    total = next;
    put0(place, total);
  }`);
  emitRows(b, i, Math.ceil((outer * inner) / WORKGROUP), code);
}

/** Equal values keep their order, and NaN is the largest number. */
export function lowerArgsort(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const order = b.newValue(i);
  const rows = aroundAxis(b, i, attrs.axis as number);
  sortRows(b, i, b.value(inputs[0]!), rows, floatKey(attrs.descending as boolean), { order });
  b.define(i, order);
}

const PHILOX = `
fn high(a: u32, b: u32) -> u32 {
  let middle = (a >> 16u) * (b & 0xffffu) + (((a & 0xffffu) * (b & 0xffffu)) >> 16u);
  let middle2 = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (middle2 >> 16u);
}
fn philox(counter: vec4u, words: vec2u) -> vec4u {
  var c = counter;
  var k = words;
  for (var round = 0u; round < 10u; round++) {
    c = vec4u(high(0xcd9e8d57u, c.z) ^ c.y ^ k.x, 0xcd9e8d57u * c.z, high(0xd2511f53u, c.x) ^ c.w ^ k.y, 0xd2511f53u * c.x);
    k += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}`;

/** The mask of `dropout`: the same numbers as those of the reference engine. */
export function lowerDropoutMask(b: WebGpuBuilder, i: number): void {
  const { inputs } = b.node(i);
  // The number of elements before the first one, in two words.
  const before = b.node(inputs[0]!).shape[0] === 6 ? 'vec2u(u32(in0(4u)), u32(in0(5u)))' : 'vec2u()';
  emitElements(b, i, {
    declarations: PHILOX,
    value: `let before = ${before};
  let low = before.x + i;
  let top = before.y + select(0u, 1u, low < i);
  let block = vec2u((low >> 3u) | (top << 29u), top >> 3u);
  let word = philox(vec4u(block, u32(in0(2u)), u32(in0(3u))), vec2u(u32(in0(0u)), u32(in0(1u))));
  let half = low & 7u;
  let bits = (word[half >> 1u] >> (16u * (half & 1u))) & 0xffffu;
  return select(${numberIn(b, i, 'kept')}, 0f, bits < u32(${numberIn(b, i, 'threshold')}));`,
  });
}

export function lowerChannelAffine(b: WebGpuBuilder, i: number): void {
  const { shape, attrs } = b.node(i);
  const list = (name: string, values: readonly number[]): string =>
    `var<private> ${name}: array<f32, ${values.length}> = array<f32, ${values.length}>(${values.map(literal).join(', ')});`;
  const area = shape.slice(2).reduce((n, d) => n * d, 1);
  emitElements(b, i, {
    declarations: `${list('scales', attrs.scale as readonly number[])}\n${list('shifts', attrs.shift as readonly number[])}`,
    value: `let c = i / ${area}u % ${shape[1]}u;
  return scales[c] * in0(i) + shifts[c];`,
  });
}
