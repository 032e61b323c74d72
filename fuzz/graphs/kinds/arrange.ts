import { sizeOf } from '../../../src/graph/types.js';
import * as ops from '../../../src/ops/index.js';
import type { Draw } from '../draw.js';
import type { Kind } from '../program.js';
import { largest } from './elementwise.js';
import { apart } from './shape.js';

/* Operations that pick, order and normalise elements along an axis. */

/** A size beyond what one kernel orders. */
export const long = (draw: Draw): number => draw.integer(257, 450);

/** At least one of a value's axes. */
function someAxes(draw: Draw, id: number): number[] {
  const all = draw.shapeOf(id).map((_, i) => i);
  const some = all.filter(() => draw.chance(0.5));
  return some.length > 0 ? some : [draw.random.integer(Math.max(1, all.length))];
}

export const arrange: readonly Kind[] = [
  {
    name: 'cumsum',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 0);
      const axis = draw.random.integer(draw.shapeOf(x).length);
      if (largest(draw.valueOf(x)) * draw.shapeOf(x)[axis]! > 60) return false;
      return draw.add('cumsum', [x], { axis });
    },
    make: ([x], { axis }) => ops.cumsum(x!, axis as number),
  },
  {
    name: 'argsort',
    jumps: true,
    draw: (draw) => {
      // Long axes are sorted in several steps.
      const x = draw.chance(0.3)
        ? draw.distinct(draw.pick([[long(draw)], [2, long(draw)], [long(draw), 2]]))
        : draw.any((id) => draw.shapeOf(id).length > 0 && sizeOf(draw.shapeOf(id)) < 400);
      const axis = draw.random.integer(Math.max(1, draw.shapeOf(x).length));
      return draw.add('argsort', [x], { axis, descending: draw.chance(0.5) });
    },
    make: ([x], { axis, descending }) => ops.argsort(x!, axis as number, descending as boolean),
    clear: ({ inputs: [x] }, margin) => apart([...x!], margin * largest(x!)),
  },
  {
    name: 'pad',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 0 && sizeOf(draw.shapeOf(id)) < 1000);
      const rank = draw.shapeOf(x).length;
      const pads: number[] = [];
      for (let n = draw.integer(1, rank); n > 0; n--) {
        const size = draw.shapeOf(x)[rank - 1 - pads.length / 2]!;
        pads.push(draw.integer(size > 2 ? -1 : 0, 3), draw.integer(size > 2 ? -1 : 0, 3));
      }
      const value = draw.pick([0, 0, 0.75]);
      return draw.add('pad', [x], { pads, mode: draw.pick(['constant', 'replicate']), value });
    },
    make: ([x], { pads, mode, value }) => ops.pad(x!, pads as number[], mode as ops.PadMode, value as number),
  },
  {
    name: 'gather',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 0 && sizeOf(draw.shapeOf(id)) < 1000);
      const shape = draw.shapeOf(x);
      const axis = draw.random.integer(Math.max(1, shape.length));
      const count = draw.dim(7);
      const index = draw.integers(
        shape.map((d, i) => (i === axis ? count : draw.integer(1, d))),
        0,
        shape[axis]! - 1,
      );
      return draw.add('gather', [x, index], { axis });
    },
    make: ([x, index], { axis }) => ops.gather(x!, axis as number, index!),
  },
  {
    name: 'scatterAdd',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 0 && sizeOf(draw.shapeOf(id)) < 1000);
      const shape = draw.shapeOf(x);
      const axis = draw.random.integer(Math.max(1, shape.length));
      const few = sizeOf(shape) <= 8 * shape[axis]!;
      const count = few && draw.chance(0.3) ? long(draw) : draw.dim(7);
      const places = shape.map((d, i) => (i === axis ? count : d));
      const index = draw.integers(places, 0, shape[axis]! - 1);
      return draw.add('scatterAdd', [x, index, draw.leaf(places)], { axis });
    },
    make: ([x, index, source], { axis }) => ops.scatterAdd(x!, axis as number, index!, source!),
  },
  {
    name: 'flipAlong',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 0);
      return draw.add('flipAlong', [x], { axes: someAxes(draw, x) });
    },
    make: ([x], { axes }) => ops.flipAlong(x!, axes as number[]),
  },
  {
    name: 'roll',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 0);
      const axes = someAxes(draw, x);
      return draw.add('roll', [x], { axes, shifts: axes.map(() => draw.integer(-40, 40)) });
    },
    make: ([x], { axes, shifts }) => ops.roll(x!, shifts as number[], axes as number[]),
  },
  {
    name: 'oneHot',
    jumps: true,
    draw: (draw) => {
      const classes = draw.integer(2, 9);
      const index = draw.integers(draw.shape(draw.integer(1, 2), 60), 0, classes - 1);
      return draw.add('oneHot', [index], { classes });
    },
    make: ([index], { classes }, real) => ops.oneHot(index!, classes as number, real),
  },
  {
    name: 'layerNorm',
    draw: (draw) => {
      // A row of few elements, or of nearly equal ones, would be divided by almost nothing.
      const x = draw.any((id) => draw.shapeOf(id).length > 0 && draw.shapeOf(id).at(-1)! > 3);
      const d = [draw.shapeOf(x).at(-1)!];
      return draw.add('layerNorm', [x, draw.leaf(d), draw.leaf(d)], { eps: 0.1 });
    },
    make: ([x, gamma, beta], { eps }) => ops.layerNorm(x!, [x!.shape.at(-1)!], gamma, beta, eps as number),
  },
  {
    name: 'convTranspose2d',
    draw: (draw) => {
      const x = draw.ofRank(4, ([n, c, h, w]) => n! * c! <= 60 && h! * w! <= 60);
      const c = draw.shapeOf(x)[1]!;
      const kernel = [draw.integer(1, 3), draw.integer(1, 3)];
      const stride = draw.integer(1, 3);
      const out = draw.dim(9);
      const limit = 1.7 / Math.sqrt(c * kernel[0]! * kernel[1]!);
      const inputs = [x, draw.leaf([c, out, ...kernel], -limit, limit)];
      if (draw.chance(0.5)) inputs.push(draw.leaf([out]));
      const dilation = draw.integer(1, 3);
      const outputPadding = draw.integer(0, Math.max(stride, dilation) - 1);
      return draw.add('convTranspose2d', inputs, { stride, dilation, outputPadding });
    },
    make: ([x, w, b], { stride, dilation, outputPadding }) => {
      const both = (v: unknown): ops.Pair => [v as number, v as number];
      return ops.convTranspose2d(x!, w!, b, {
        stride: both(stride),
        dilation: both(dilation),
        outputPadding: both(outputPadding),
      });
    },
  },
];
