import * as ops from '../../../src/ops/index.js';
import type { Draw } from '../draw.js';
import type { Kind } from '../program.js';

/** Adds an operation on integers, and makes floating-point values of its result. */
function converted(draw: Draw, name: string, inputs: readonly number[], attrs: Record<string, unknown>) {
  const made = draw.emit(name, [...inputs], attrs as never);
  return made !== undefined && draw.add('cast', [made], { dtype: 'real' });
}
const leaf = (draw: Draw): number => draw.integers(draw.shape(draw.integer(1, 3), 500), -9, 9);

export const integers: readonly Kind[] = [
  {
    name: 'integer',
    draw: (draw) => {
      const x = leaf(draw);
      const other = draw.integers(draw.narrowed(draw.shapeOf(x)), -9, 9);
      const kind = draw.pick(['add', 'sub', 'mul', 'maximum', 'minimum', 'equal', 'less']);
      const inputs = draw.chance(0.5) ? [x, other] : [other, x];
      if (ops.isIntegerComparison(kind)) return draw.add('integer', inputs, { kind });
      return converted(draw, 'integer', inputs, { kind });
    },
    make: ([a, b], { kind }, real) => {
      const made = ops.integer(kind as ops.IntegerKind, a!, b!);
      return ops.isIntegerComparison(kind) ? ops.cast(made, real) : made;
    },
  },
  {
    name: 'integerReduce',
    draw: (draw) => {
      const x = leaf(draw);
      const axes = draw.shapeOf(x).flatMap((_, axis) => (draw.chance(0.6) ? [axis] : []));
      return converted(draw, 'integerReduce', [x], { kind: draw.pick(['sum', 'max', 'min']), axes });
    },
    make: ([x], { kind, axes }) => ops.integerReduce(kind as ops.IntegerFold, x!, axes as number[]),
  },
  {
    name: 'integerCumsum',
    draw: (draw) => {
      const x = leaf(draw);
      const axis = draw.random.integer(draw.shapeOf(x).length);
      return converted(draw, 'integerCumsum', [x], { axis, reverse: draw.chance(0.5) });
    },
    make: ([x], { axis, reverse }) => ops.integerCumsum(x!, axis as number, reverse as boolean),
  },
];
