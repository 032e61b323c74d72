import { sizeOf, stridesOf } from '../../../graph/types.js';
import type { IntegerFold, IntegerKind } from '../../../ops/math/integers.js';
import type { WebGpuBuilder } from '../builder.js';
import { emitElements } from './emit.js';
import { aroundAxis } from './rows.js';
import { broadcastPlace, strided } from './select.js';

const PAIRS: Readonly<Record<IntegerKind, (a: string, b: string) => string>> = {
  add: (a, b) => `${a} + ${b}`,
  sub: (a, b) => `${a} - ${b}`,
  mul: (a, b) => `${a} * ${b}`,
  maximum: (a, b) => `max(${a}, ${b})`,
  minimum: (a, b) => `min(${a}, ${b})`,
  equal: (a, b) => `select(0.0, 1.0, ${a} == ${b})`,
  less: (a, b) => `select(0.0, 1.0, ${a} < ${b})`,
};

export function lowerInteger(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const [left, right] = inputs.map((input, k) => `in${k}(${broadcastPlace(b, i, input)})`);
  emitElements(b, i, { value: `return ${PAIRS[attrs.kind as IntegerKind](left!, right!)};` });
}

/** Where each kind begins, and how it takes in a value. */
const FOLDS: Readonly<Record<IntegerFold, readonly [start: string, fold: string]>> = {
  sum: ['0', 'total + v'],
  max: ['-0x7fffffff - 1', 'max(total, v)'],
  min: ['0x7fffffff', 'min(total, v)'],
};

export function lowerIntegerReduce(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs } = b.node(i);
  const { shape } = b.node(inputs[0]!);
  const axes = attrs.axes as readonly number[];
  const strides = stridesOf(shape);
  /** WGSL for a part of the position, from the position among those of some axes. */
  const placeOf = (some: readonly number[], at: string): string =>
    strided(
      some.map((axis) => shape[axis]!),
      some.map((axis) => strides[axis]!),
      at,
    );
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const length = sizeOf(axes.map((axis) => shape[axis]!));
  const [start, fold] = FOLDS[attrs.kind as IntegerFold];
  emitElements(b, i, {
    steps: length,
    value:
      length === 0
        ? `return ${start};`
        : `let begin = ${placeOf(kept, 'i')};
  var total: i32 = ${start};
  for (var r = 0u; r < ${length}u; r++) {
    let v = in0(begin + ${placeOf(axes, 'r')});
    total = ${fold};
  }
  return total;`,
  });
}

export function lowerIntegerCumsum(b: WebGpuBuilder, i: number): void {
  const { attrs } = b.node(i);
  const { length, inner } = aroundAxis(b, i, attrs.axis as number);
  const [from, to] = attrs.reverse ? ['own', `${length}u`] : ['0u', 'own + 1u'];
  emitElements(b, i, {
    steps: length,
    value: `let own = i / ${inner}u % ${length}u;
  var total = 0;
  for (var n = ${from}; n < ${to}; n++) { total += in0(i - own * ${inner}u + n * ${inner}u); }
  return total;`,
  });
}
