import { around, type Shape, sizeOf, stridesOf } from '../../../graph/types.js';
import type { Value, WebGpuBuilder } from '../builder.js';
import { typeOf } from '../kernels/program.js';
import { emitElements, emitScratch } from './emit.js';
import { emitGrouped, FEW_INDICES } from './grouped.js';
import { aroundAxis } from './rows.js';

const zero = (b: WebGpuBuilder, i: number): string => `${typeOf(b.node(i).dtype)}(0)`;

/**
 * WGSL for a position in a value, whose strides are given for each axis of a shape, from a position of that shape.
 * @param i WGSL for that position
 */
export function strided(shape: Shape, strides: readonly number[], i = 'i'): string {
  const own = stridesOf(shape);
  const terms = shape.flatMap((size, axis) =>
    size === 1 || strides[axis] === 0 ? [] : [`${i} / ${own[axis]}u % ${size}u * ${strides[axis]}u`],
  );
  return terms.join(' + ') || '0u';
}

export function lowerPermute(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs, shape } = b.node(i);
  const from = stridesOf(b.node(inputs[0]!).shape);
  const axes = attrs.axes as readonly number[];
  emitElements(b, i, {
    value: `return in0(${strided(
      shape,
      axes.map((axis) => from[axis]!),
    )});`,
  });
}

/** WGSL for a position in an input that broadcasts to a node's result, from the position in the result. */
export function broadcastPlace(b: WebGpuBuilder, i: number, input: number): string {
  const { shape } = b.node(i);
  const from = b.node(input).shape;
  const steps = stridesOf(from);
  const lead = shape.length - from.length;
  const strides = shape.map((_, axis) => (axis < lead || from[axis - lead] === 1 ? 0 : steps[axis - lead]!));
  return strided(shape, strides);
}

/** For types that formulas do not cover. */
export const lowerBroadcast = (b: WebGpuBuilder, i: number): void =>
  emitElements(b, i, { value: `return in0(${broadcastPlace(b, i, b.node(i).inputs[0]!)});` });

/** For types that formulas do not cover. */
export function lowerWhere(b: WebGpuBuilder, i: number): void {
  const dtype = b.node(b.node(i).inputs[0]!).dtype;
  emitElements(b, i, { value: `return select(in1(i), in2(i), in0(i) == ${typeOf(dtype)}(0));` });
}

/** Inputs that one kernel cannot bind are added one part after another, each with a copy of what came before. */
export function lowerConcat(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs, shape } = b.node(i);
  const axis = attrs.axis as number;
  const row = sizeOf(shape.slice(axis));
  let end = 0;
  const parts = inputs.flatMap((input) => {
    const length = sizeOf(b.node(input).shape.slice(axis));
    const start = end;
    end += length;
    return length > 0 ? [{ value: b.value(input), length, start, end }] : [];
  });
  const output = b.newValue(i);
  // The ranges of the result, and of what came before.
  const most = b.limits.bindings - 2 * b.rangesOf(output);
  let before: Value[] = [];
  for (let first = 0, next = 0; first < parts.length; first = next) {
    for (let ranges = 0; next < parts.length; next++) {
      ranges += b.rangesOf(parts[next]!.value);
      if (next > first && ranges > most) break;
    }
    const some = parts.slice(first, next);
    const target = next === parts.length ? output : b.scratch(output.dtype, output.count);
    const chosen = some.map(
      ({ length, start, end: to }, k) =>
        `if (place < ${to}u) { return in${k}(block * ${length}u + place - ${start}u); }`,
    );
    const earlier =
      before.length > 0 ? `if (place < ${some[0]!.start}u) { return in${some.length}(i); }` : '';
    emitScratch(b, i, target, [...some.map(({ value }) => value), ...before], {
      kernel: 'concat',
      value: `let block = i / ${row}u;
  let place = i % ${row}u;
  ${earlier}
  ${chosen.join('\n  ')}
  return ${zero(b, i)};`,
    });
    before = [target];
  }
  b.define(i, output);
}

/** WGSL for the first position of a slice. */
const startOf = (b: WebGpuBuilder, i: number): string => {
  const { start } = b.node(i).attrs;
  return start === undefined ? 'u32(in1(0u))' : `${start}u`;
};

export function lowerSlice(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs, shape } = b.node(i);
  const axis = attrs.axis as number;
  const { length, inner } = aroundAxis(b, inputs[0]!, axis);
  const count = shape[axis]! * inner;
  emitElements(b, i, {
    value: `return in0(i / ${count}u * ${length * inner}u + ${startOf(b, i)} * ${inner}u + i % ${count}u);`,
  });
}

/** Zeros outside of the range. */
export function lowerPlace(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const axis = attrs.axis as number;
  const { length, inner } = aroundAxis(b, inputs[0]!, axis);
  const row = aroundAxis(b, i, axis).length * inner;
  const count = length * inner;
  emitElements(b, i, {
    value: `let place = i % ${row}u;
  let first = ${startOf(b, i)} * ${inner}u;
  if (place < first || place >= first + ${count}u) { return ${zero(b, i)}; }
  return in0(i / ${row}u * ${count}u + place - first);`,
  });
}

export function lowerIndexSelect(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs, shape } = b.node(i);
  const axis = attrs.axis as number;
  const { length, inner } = aroundAxis(b, inputs[0]!, axis);
  const count = shape[axis]!;
  emitElements(b, i, {
    value: `let index = u32(in1(i / ${inner}u % ${count}u));
  return in0((i / ${count * inner}u * ${length}u + index) * ${inner}u + i % ${inner}u);`,
  });
}

/** Each row of the result collects the rows that were selected from it, in order. */
export function lowerIndexSelectGrad(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const axis = attrs.axis as number;
  const { outer, length, inner } = aroundAxis(b, i, axis);
  const count = b.node(inputs[0]!).shape[axis]!;
  if (count > FEW_INDICES) {
    emitGrouped(b, i, {
      index: b.value(inputs[1]!),
      rows: { outer: 1, length: count, inner: 1 },
      lanes: outer * inner,
      row: '0u',
      element: `(lane / ${inner}u * ${count}u + n) * ${inner}u + lane % ${inner}u`,
      lane: `i / ${length * inner}u * ${inner}u + i % ${inner}u`,
      own: `i32(i / ${inner}u % ${length}u)`,
    });
    return;
  }
  emitElements(b, i, {
    steps: count,
    value: `let own = i32(i / ${inner}u % ${length}u);
  let begin = i / ${length * inner}u * ${count * inner}u + i % ${inner}u;
  var total = 0f;
  for (var n = 0u; n < ${count}u; n++) { if (in1(n) == own) { total += in0(begin + n * ${inner}u); } }
  return total;`,
  });
}

export function lowerGather(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs, shape } = b.node(i);
  const axis = attrs.axis as number;
  const strides = stridesOf(b.node(inputs[0]!).shape);
  const others = strides.map((stride, d) => (d === axis ? 0 : stride));
  emitElements(b, i, { value: `return in0(${strided(shape, others)} + u32(in1(i)) * ${strides[axis]}u);` });
}

/** Each element of the result collects the elements whose index along the axis names it. */
export function lowerScatterSum(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs, shape } = b.node(i);
  const axis = attrs.axis as number;
  const [source, index] = inputs.map((input) => b.node(input).shape) as [Shape, Shape];
  const own = stridesOf(shape);
  /** Strides of a shape without those of the axis. */
  const apart = (of: Shape): number[] => stridesOf(of).map((stride, d) => (d === axis ? 0 : stride));
  const beyond = shape.flatMap((size, d) =>
    d === axis || index[d]! >= size ? [] : [`i / ${own[d]}u % ${size}u >= ${index[d]}u`],
  );
  const outside = beyond.length > 0 ? `if (${beyond.join(' || ')}) { return 0f; }` : '';
  const row = `i32(i / ${own[axis]}u % ${shape[axis]}u)`;
  const step = stridesOf(source)[axis]!;
  if (index[axis]! > FEW_INDICES && sizeOf(index) > 0) {
    // A lane is a place in the index apart from the axis.
    const lanes = index.map((size, d) => (d === axis ? 1 : size));
    emitGrouped(b, i, {
      index: b.value(inputs[1]!),
      rows: around(index, axis),
      lanes: sizeOf(lanes),
      row: 'lane',
      element: `${strided(lanes, apart(source), 'lane')} + n * ${step}u`,
      before: outside,
      lane: strided(shape, apart(lanes)),
      own: row,
    });
    return;
  }
  emitElements(b, i, {
    steps: index[axis]!,
    value: `${outside}
  let row = ${row};
  let at = ${strided(shape, apart(index))};
  let beside = ${strided(shape, apart(source))};
  var total = 0f;
  for (var n = 0u; n < ${index[axis]}u; n++) {
    if (in1(at + n * ${stridesOf(index)[axis]}u) == row) { total += in0(beside + n * ${step}u); }
  }
  return total;`,
  });
}

export function lowerOneHot(b: WebGpuBuilder, i: number): void {
  const classes = b.node(i).attrs.classes as number;
  emitElements(b, i, { value: `return select(0f, 1f, in0(i / ${classes}u) == i32(i % ${classes}u));` });
}

export function lowerCrop(b: WebGpuBuilder, i: number): void {
  const [, c, h, w] = b.node(b.node(i).inputs[0]!).shape as [number, number, number, number];
  const [, , height, width] = b.node(i).shape as [number, number, number, number];
  emitElements(b, i, {
    value: `let plane = i / ${height * width}u;
  let image = plane / ${c}u;
  let row = in1(2u * image) + i32(i / ${width}u % ${height}u);
  let column = in1(2u * image + 1u) + i32(i % ${width}u);
  if (row < 0 || row >= ${h} || column < 0 || column >= ${w}) { return ${zero(b, i)}; }
  return in0((plane * ${h}u + u32(row)) * ${w}u + u32(column));`,
  });
}

export function lowerFlip(b: WebGpuBuilder, i: number): void {
  const [, c, h, w] = b.node(i).shape as [number, number, number, number];
  emitElements(b, i, {
    value: `let column = i % ${w}u;
  return in0(select(i, i - column + ${w - 1}u - column, in1(i / ${c * h * w}u) != 0));`,
  });
}

export const lowerNegateOffsets = (b: WebGpuBuilder, i: number): void =>
  emitElements(b, i, { value: 'return -in0(i);' });

/** Converts; a number becomes an integer by truncation. */
export function lowerCast(b: WebGpuBuilder, i: number): void {
  const { inputs, dtype } = b.node(i);
  const truncates = dtype === 'int32' && b.node(inputs[0]!).dtype === 'float32';
  emitElements(b, i, { value: `return ${truncates ? 'integerOf' : typeOf(dtype)}(in0(i));` });
}
