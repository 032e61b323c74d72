import type { Node } from '../../../src/graph/node.js';
import type { DType, Shape, TypedArray } from '../../../src/graph/types.js';
import * as ops from '../../../src/ops/index.js';
import type { Draw } from '../draw.js';
import type { Given, Kind } from '../program.js';

export const largest = (values: TypedArray): number =>
  (values as Float64Array).reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** Whether all values are away from `at`, or exact zeros of a rectifier or a mask, which are equal on every device. */
function awayFrom({ inputs: [x], before }: Given, margin: number, at: number): boolean {
  const least = margin * largest(x!);
  const exact = at === 0 && (before === 'relu' || before === 'dropout');
  return x!.every((v) => Math.abs(v - at) > least || (exact && v === 0));
}

type UnaryKind = Partial<Omit<Kind, 'name' | 'draw' | 'make'>> & {
  attrs?: (draw: Draw) => Record<string, number | string>;
  from?: (draw: Draw) => number;
};
const unary = (
  name: string,
  make: (x: Node, attrs: never) => Node,
  { attrs = () => ({}), from = (draw) => draw.any(), ...rest }: UnaryKind = {},
): Kind => ({
  name,
  draw: (draw) => draw.add(name, [from(draw)], attrs(draw)),
  make: ([x], given) => make(x!, given as never),
  ...rest,
});

const atZero = { clear: (given: Given, margin: number) => awayFrom(given, margin, 0) };
const atThree = {
  clear: (given: Given, margin: number) => awayFrom(given, margin, 3) && awayFrom(given, margin, -3),
};
const fromPositive = { from: (draw: Draw) => draw.positive() };
/** Exponents so small that nothing overflows. */
const fromSmall = {
  from: (draw: Draw) => draw.any((id) => largest(draw.valueOf(id)) < 3),
};

const binary = (name: string, make: (a: Node, b: Node) => Node): Kind => ({
  name,
  draw: (draw) => {
    const x = draw.any();
    const other = draw.chance(0.1) ? x : draw.partner(draw.shapeOf(x));
    return draw.add(name, draw.chance(0.5) ? [x, other] : [other, x]);
  },
  make: ([a, b]) => make(a!, b!),
});

export const elementwise: readonly Kind[] = [
  unary('relu', (x) => ops.relu(x), atZero),
  unary('leakyRelu', (x, { slope }: { slope: number }) => ops.leakyRelu(x, slope), {
    ...atZero,
    attrs: (draw) => ({ slope: draw.pick([0.01, 0.1, 0.5]) }),
  }),
  unary('sigmoid', (x) => ops.sigmoid(x)),
  unary('tanh', (x) => ops.tanh(x)),
  unary(
    'binaryCrossEntropy',
    (x) => ops.binaryCrossEntropy(ops.sigmoid(x), ops.sigmoid(ops.scaleBy(x, -0.5))),
    fromSmall,
  ),
  unary('binaryCrossEntropyWithLogits', (x) =>
    ops.binaryCrossEntropyWithLogits(x, ops.sigmoid(ops.scaleBy(x, -0.5))),
  ),
  unary('neg', ops.neg),
  unary('sin', ops.sin),
  unary('cos', ops.cos),
  unary('exp', ops.exp, fromSmall),
  unary('log', ops.log, fromPositive),
  unary('sqrt', ops.sqrt, fromPositive),
  unary('square', ops.square, { from: (draw) => draw.any((id) => largest(draw.valueOf(id)) < 7) }),
  unary('sign', ops.sign, { ...atZero, jumps: true }),
  unary('abs', ops.abs, { ...atZero }),
  unary('pow', (x, attrs: { exponent: number }) => ops.pow(x, attrs), {
    ...fromPositive,
    attrs: (draw) => ({ exponent: draw.pick([-1, -0.5, 0, 0.5, 1, 1.7, 2, 3]) }),
  }),
  unary('clamp', (x, attrs: { min: number; max: number }) => ops.clamp(x, attrs), {
    attrs: (draw) => ({ min: -draw.random.uniform(0.1, 1), max: draw.random.uniform(0.1, 1.5) }),
    clear: (given, margin) =>
      awayFrom(given, margin, given.attrs.min as number) &&
      awayFrom(given, margin, given.attrs.max as number),
  }),
  unary('affine', (x, attrs: { scale: number; shift: number }) => ops.affine(x, attrs), {
    attrs: (draw) => ({ scale: draw.random.uniform(-1.5, 1.5), shift: draw.pick([0, 0.5, -0.25]) }),
  }),
  unary('gelu', (x, { approximate }: { approximate: 'none' | 'tanh' }) => ops.gelu(x, approximate), {
    attrs: (draw) => ({ approximate: draw.pick(['none', 'tanh']) }),
  }),
  unary('elu', (x, { alpha }: { alpha: number }) => ops.elu(x, alpha), {
    ...atZero,
    attrs: (draw) => ({ alpha: draw.pick([1, 0.3]) }),
  }),
  unary('hardtanh', (x, { min, max }: { min: number; max: number }) => ops.hardtanh(x, min, max), {
    attrs: (draw) => ({ min: -draw.random.uniform(0.1, 1), max: draw.random.uniform(0.1, 1.5) }),
    clear: (given, margin) =>
      awayFrom(given, margin, given.attrs.min as number) &&
      awayFrom(given, margin, given.attrs.max as number),
  }),
  unary('hardsigmoid', ops.hardsigmoid, atThree),
  unary('hardswish', ops.hardswish, atThree),
  unary('mish', ops.mish),
  unary('detach', ops.detach),
  unary('custom', (x) =>
    ops.custom('twice', ops.scaleBy(x, 2), [x], (_node, grad) => [ops.scaleBy(grad, 2)]),
  ),
  {
    name: 'roundToByte',
    jumps: true,
    draw: (draw) => {
      // With many values, one would be half-way between two bytes.
      const fits = (id: number) => draw.valueOf(id).length < 200 && largest(draw.valueOf(id)) < 1.4;
      const few = draw.whereReal(fits) ?? draw.leaf([5, 7], -1.3, 1.3);
      const scaled = draw.emit('affine', [few], { scale: 20, shift: 30 });
      const whole = scaled === undefined ? undefined : draw.emit('roundToByte', [scaled], {});
      return whole !== undefined && draw.add('affine', [whole], { scale: 1 / 20, shift: -1.5 });
    },
    make: ([x]) => ops.roundToByte(x!),
    clear: ({ inputs: [x] }) => x!.every((v) => Math.abs(v - Math.floor(v) - 0.5) > 3e-4),
  },
  binary('add', ops.add),
  binary('sub', ops.sub),
  binary('mul', ops.mul),
  {
    name: 'div',
    draw: (draw) => {
      const x = draw.any();
      const shape = draw.shapeOf(x);
      const same = draw.whereReal(
        (id) => sameOrNarrow(draw.shapeOf(id), shape) && draw.valueOf(id).every((v) => v > 0.3),
      );
      return draw.add('div', [x, same ?? draw.leaf(draw.narrowed(shape), 0.5, 2)]);
    },
    make: ([a, b]) => ops.div(a!, b!),
  },
  {
    name: 'equal',
    jumps: true,
    draw: (draw) => {
      // Signs are equal on every device.
      const x = draw.emit('sign', [draw.any()], {});
      if (x === undefined) return false;
      const y = draw.emit('sign', [draw.partner(draw.shapeOf(x))], {});
      return y !== undefined && draw.add('equal', [x, y]);
    },
    make: ([a, b]) => ops.equal(a!, b!),
    clear: ({ inputs }) => inputs.every((x) => x.every((v) => Number.isInteger(v))),
  },
  {
    name: 'addScaled',
    draw: (draw) => {
      const x = draw.any();
      const shape = draw.shapeOf(x);
      const same = draw.whereReal((id) => draw.shapeOf(id).join() === shape.join()) ?? x;
      return draw.add('addScaled', [x, draw.chance(0.5) ? same : draw.leaf(shape), draw.leaf([])]);
    },
    make: ([a, b, s]) => ops.addScaled(a!, b!, s!),
  },
  {
    name: 'channelAffine',
    draw: (draw) => {
      const x = draw.any((id) => draw.shapeOf(id).length >= 2);
      if (draw.shapeOf(x).length < 2) return false;
      const channels = draw.shapeOf(x)[1]!;
      const uniform = draw.chance(0.4);
      const list = (one: () => number) => {
        const first = one();
        return Array.from({ length: channels }, () => (uniform ? first : one()));
      };
      const scale = list(() => draw.random.uniform(-1.5, 1.5));
      return draw.add('channelAffine', [x], { scale, shift: list(() => draw.random.uniform(-0.5, 0.5)) });
    },
    make: ([x], { scale, shift }) => ops.channelAffine(x!, scale as number[], shift as number[]),
  },
  {
    name: 'cast',
    draw: (draw) => {
      if (draw.chance(0.4))
        return (
          draw.add('cast', [draw.bytes(draw.shape(draw.integer(1, 4), 500))], { dtype: 'real' }) &&
          scaleDown(draw)
        );
      if (draw.chance(0.2))
        return draw.add('cast', [draw.integers(draw.shape(2, 500), -9, 9)], { dtype: 'real' });
      // To float64 and back, with an operation in between.
      const wide = draw.emit('cast', [draw.any((id) => largest(draw.valueOf(id)) < 3)], { dtype: 'float64' });
      const made =
        wide === undefined ? undefined : draw.emit(draw.pick(['tanh', 'exp', 'square', 'neg']), [wide], {});
      return made !== undefined && draw.add('cast', [made], { dtype: 'real' });
    },
    make: ([x], { dtype }, real) => ops.cast(x!, dtype === 'real' ? real : (dtype as DType)),
  },
  {
    name: 'dropout',
    draw: (draw) => {
      const key = draw.integers([4], -(2 ** 31), 2 ** 31 - 1);
      return draw.add('dropout', [draw.any(), key], { p: draw.pick([0, 0.2, 0.5, 0.9]) });
    },
    make: ([x, key], { p }) => ops.dropout(x!, key!, p as number),
  },
];

const scaleDown = (draw: Draw): boolean =>
  draw.add('affine', [draw.body.length - 1], { scale: 1 / 64, shift: -2 });

const sameOrNarrow = (a: Shape, b: Shape): boolean =>
  a.length <= b.length && a.every((d, i) => d === 1 || d === b[i + b.length - a.length]);
