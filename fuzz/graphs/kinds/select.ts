import { sizeOf } from '../../../src/graph/types.js';
import * as ops from '../../../src/ops/index.js';
import type { Given, Kind } from '../program.js';
import { long } from './arrange.js';
import { largest } from './elementwise.js';

/** Index into a broadcast operand, given the index into the result. */
function operandAt(shape: readonly number[], result: readonly number[], at: number): number {
  let [rest, place, stride] = [at, 0, 1];
  for (let i = result.length - 1; i >= 0; i--) {
    const index = rest % result[i]!;
    rest = Math.floor(rest / result[i]!);
    const d = shape[i - result.length + shape.length];
    if (d === undefined) continue;
    if (d !== 1) place += index * stride;
    stride *= d;
  }
  return place;
}

/** Whether no two values that are compared are close to each other. */
function pairsApart({ inputs: [a, b], shapes: [p, q], output }: Given, margin: number): boolean {
  const rank = Math.max(p!.length, q!.length);
  const result = Array.from({ length: rank }, (_, i) =>
    Math.max(p![i - rank + p!.length] ?? 1, q![i - rank + q!.length] ?? 1),
  );
  const least = margin * Math.max(largest(a!), largest(b!));
  return output.every(
    (_: number, at: number) =>
      Math.abs(a![operandAt(p!, result, at)]! - b![operandAt(q!, result, at)]!) > least,
  );
}

const compared = (name: string, op: Kind['make'], more: Partial<Kind> = {}): Kind => ({
  name,
  draw: (draw) => {
    const x = draw.any();
    return draw.add(name, [x, draw.partner(draw.shapeOf(x))]);
  },
  make: op,
  clear: pairsApart,
  ...more,
});

export const select: readonly Kind[] = [
  compared('less', ([a, b]) => ops.less(a!, b!), { jumps: true }),
  compared('maximum', ([a, b]) => ops.maximum(a!, b!)),
  compared('minimum', ([a, b]) => ops.minimum(a!, b!)),
  {
    name: 'where',
    draw: (draw) => {
      const x = draw.any();
      const shape = draw.shapeOf(x);
      const condition = draw.emit('less', [x, draw.leaf(draw.narrowed(shape))], {});
      return condition !== undefined && draw.add('where', [condition, draw.partner(shape), x]);
    },
    make: ([condition, a, b]) => ops.where(condition!, a!, b!),
  },
  {
    name: 'power',
    draw: (draw) => {
      const x = draw.positive((id) => largest(draw.valueOf(id)) < 5);
      return draw.add('power', [x, draw.leaf(draw.narrowed(draw.shapeOf(x)), -2, 2)]);
    },
    make: ([a, b]) => ops.power(a!, b!),
  },
  {
    name: 'erf',
    draw: (draw) => draw.add('erf', [draw.any()]),
    make: ([x]) => ops.erf(x!),
  },
  {
    name: 'softplus',
    draw: (draw) => draw.add('softplus', [draw.any()]),
    make: ([x]) => ops.softplus(x!),
  },
  {
    name: 'silu',
    draw: (draw) => draw.add('silu', [draw.any()]),
    make: ([x]) => ops.silu(x!),
  },
  {
    name: 'floor',
    jumps: true,
    draw: (draw) => draw.add('floor', [draw.any()]),
    make: ([x]) => ops.floor(x!),
    clear: ({ inputs: [x] }, margin) =>
      x!.every((v: number) => Math.abs(v - Math.round(v)) > margin * largest(x!)),
  },
  {
    name: 'concat',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 0);
      const shape = draw.shapeOf(x);
      const axis = draw.random.integer(shape.length);
      const inputs = [x];
      for (let n = draw.integer(1, 3); n > 0; n--) {
        const size = draw.dim(5);
        inputs.push(draw.chance(0.2) ? x : draw.leaf(shape.map((d, i) => (i === axis ? size : d))));
      }
      return draw.add('concat', inputs, { axis });
    },
    make: (inputs, { axis }) => ops.concat(inputs, axis as number),
  },
  {
    name: 'narrow',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 0);
      const axis = draw.random.integer(draw.shapeOf(x).length);
      const size = draw.shapeOf(x)[axis]!;
      const start = draw.integer(-2, size - 1);
      return draw.add('narrow', [x], { axis, start, length: draw.integer(1, size - start + 2) });
    },
    make: ([x], { axis, start, length }) => ops.narrow(x!, axis as number, start as number, length as number),
  },
  {
    name: 'indexSelect',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length > 0 && sizeOf(draw.shapeOf(id)) < 1000);
      const axis = draw.random.integer(Math.max(1, draw.shapeOf(x).length));
      const size = draw.shapeOf(x)[axis]!;
      const few = sizeOf(draw.shapeOf(x)) <= 8 * size;
      const count = few && draw.chance(0.3) ? long(draw) : draw.dim(9);
      return draw.add('indexSelect', [x, draw.integers([count], 0, size - 1)], { axis });
    },
    make: ([x, indices], { axis }) => ops.indexSelect(x!, indices!, axis as number),
  },
];
