import type { Node } from '../../../src/graph/node.js';
import { sizeOf } from '../../../src/graph/types.js';
import * as ops from '../../../src/ops/index.js';
import type { Given, Kind } from '../program.js';
import { largest } from './elementwise.js';

/** Whether all values differ by more than `least`. */
export function apart(values: readonly number[], least: number): boolean {
  const sorted = Float64Array.from(values).sort();
  return sorted.every((v, i) => i === 0 || v - sorted[i - 1]! > least);
}

/** Whether each group of values over the given axes has a unique maximum. */
function peaksApart(
  { inputs: [x], shapes: [shape], before }: Given,
  axes: readonly number[],
  margin: number,
): boolean {
  const groups = new Map<number, [number, number]>();
  const strides = shape!.map((_, i) => sizeOf(shape!.slice(i + 1)));
  x!.forEach((v, at) => {
    let key = 0;
    shape!.forEach((d, i) => {
      if (!axes.includes(i)) key = key * d + (Math.floor(at / strides[i]!) % d);
    });
    const [first, second] = groups.get(key) ?? [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
    groups.set(key, v > first ? [v, first] : [first, Math.max(second, v)]);
  });
  const least = margin * largest(x!);
  // Ties of a rectifier's zeros do not matter: their gradient is 0 in any case.
  return [...groups.values()].every(([a, b]) => a - b > least || (before === 'relu' && a === 0));
}

const axesOf = (rank: number, given: unknown): number[] =>
  (given as number[] | undefined) ?? [...Array(rank).keys()];

type Reduce = (x: Node, axes: readonly number[], keepDims: boolean) => Node;
const reduction = (name: string, op: Reduce, more: Partial<Kind> = {}): Kind => ({
  name,
  draw: (draw) => {
    const x = draw.any((id) => draw.shapeOf(id).length > 0);
    const axes = draw
      .shapeOf(x)
      .map((_, i) => i)
      .filter(() => draw.chance(0.5));
    if (name === 'sum' && largest(draw.valueOf(x)) * sizeOf(axes.map((a) => draw.shapeOf(x)[a]!)) > 600)
      return false;
    return draw.add(name, [x], { axes: axes.length > 0 ? axes : [0], keepDims: draw.chance(0.4) });
  },
  make: ([x], { axes, keepDims }) => op(x!, axes as number[], keepDims as boolean),
  ...more,
});

const alongAxis = (name: string, op: (x: Node, axis: number) => Node, more: Partial<Kind> = {}): Kind => ({
  name,
  draw: (draw) => {
    const x = draw.any((id) => draw.shapeOf(id).length > 0);
    return draw.add(name, [x], { axis: draw.random.integer(draw.shapeOf(x).length) });
  },
  make: ([x], { axis }) => op(x!, axis as number),
  ...more,
});

export const shape: readonly Kind[] = [
  {
    name: 'reshape',
    draw: (draw) => {
      const x = draw.any();
      return draw.add('reshape', [x], { shape: draw.factors(sizeOf(draw.shapeOf(x)), draw.integer(1, 5)) });
    },
    make: ([x], { shape: to }) => ops.reshape(x!, to as number[]),
  },
  {
    name: 'flatten',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 1);
      return draw.add('flatten', [x], { startDim: draw.random.integer(Math.max(1, draw.shapeOf(x).length)) });
    },
    make: ([x], { startDim }) => ops.flatten(x!, startDim as number),
  },
  {
    name: 'permute',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 1);
      const axes = draw.shapeOf(x).map((_, i) => i);
      for (let i = axes.length - 1; i > 0; i--) {
        const j = draw.random.integer(i + 1);
        [axes[i], axes[j]] = [axes[j]!, axes[i]!];
      }
      return draw.add('permute', [x], { axes });
    },
    make: ([x], { axes }) => ops.permute(x!, axes as number[]),
  },
  {
    name: 'broadcastTo',
    draw: (draw) => {
      const x = draw.any((id) => sizeOf(draw.shapeOf(id)) < 300);
      const lead = draw.chance(0.4) ? [draw.dim(4)] : [];
      const to = [...lead, ...draw.shapeOf(x).map((d) => (d === 1 ? draw.dim(6) : d))];
      return draw.add('broadcastTo', [x], { shape: to });
    },
    make: ([x], { shape: to }) => ops.broadcastTo(x!, to as number[]),
  },
  reduction('sum', ops.sum),
  reduction('mean', ops.mean),
  reduction('max', ops.max, {
    // Two values that bfloat16 rounds to the same number are both the largest, and both get the gradient.
    jumps: true,
    clear: (given, margin) => peaksApart(given, axesOf(given.shapes[0]!.length, given.attrs.axes), margin),
  }),
  {
    name: 'sumOfSquares',
    draw: (draw) => {
      const x = draw.any();
      const made = draw.emit('affine', [x], { scale: 0.5 / Math.sqrt(sizeOf(draw.shapeOf(x))), shift: 0 });
      return made !== undefined && draw.add('sumOfSquares', [made]);
    },
    make: ([x]) => ops.sumOfSquares(x!),
  },
  alongAxis('softmax', ops.softmax),
  alongAxis('logSoftmax', ops.logSoftmax),
  alongAxis('argmax', ops.argmax, {
    jumps: true,
    // All devices break ties between exact zeros in the same way.
    clear: (given, margin) =>
      peaksApart({ ...given, before: undefined }, [given.attrs.axis as number], margin),
  }),
];
