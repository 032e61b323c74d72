import { V } from '../../../webassembly/instructions.js';
import { add, bitsOf, type Int, less, mul, type Routine, type Variable } from '../../../webassembly/terms.js';
import { perIndex } from '../chain.js';
import { KernelModule, ordered } from '../kernel-module.js';
import { type Spans, VectorOperation } from '../operation.js';
import type { KernelPool } from '../pool.js';
import { type Wide, WideMath } from './wide.js';

/** A value [images, channels, area], whose channels are normalised over images and area. */
export interface Channels {
  readonly images: number;
  readonly channels: number;
  readonly area: number;
  readonly eps: number;
}

const ARGS = [
  'gradient',
  'x',
  'gamma',
  'beta',
  'mean',
  'variance',
  'y',
  'images',
  'channels',
  'area',
  'eps',
] as const;
type Values = Readonly<Record<(typeof ARGS)[number] | 'from' | 'to' | 'thread', Variable>>;

/**
 * Emits the code for one channel, whose number is `index`. All values computed for it are vectors of two equal float64.
 */
class Channel {
  readonly math: WideMath;
  readonly count: number;

  constructor(
    readonly routine: Routine,
    readonly p: Values,
    readonly index: Variable,
  ) {
    this.math = new WideMath(routine);
    const { code } = routine;
    code
      .get(routine.let(mul(p.images, p.area)).local)
      .v(V.splatI32)
      .v(V.convertLowI32);
    this.count = code.vector();
    code.set(this.count);
  }

  /** Visits the channel's elements, four at a time and then one by one. */
  each(visit: (place: Variable, load: number) => void): void {
    const { routine, p } = this;
    const start = routine.let(mul(mul(this.index, p.area), 4));
    routine.for(0, p.images, 1, () => {
      const place = routine.let(start);
      const left = routine.let(p.area);
      routine.while(less(3, left), () => {
        visit(place, V.load);
        routine.step(place, 16);
        routine.step(left, -4);
      });
      routine.while(less(0, left), () => {
        visit(place, V.load32Splat);
        routine.step(place, 4);
        routine.step(left, -1);
      });
      routine.step(start, mul(mul(p.channels, p.area), 4));
    });
  }

  /** Loads numbers of an operand. */
  read(operand: Variable, place: Int, load: number): Wide {
    return this.math.widen(this.routine.load(add(operand, place), 0, load));
  }

  write(place: Int, value: Wide, load: number): void {
    const narrow = this.math.narrow(value);
    const to = add(this.p.y, place);
    if (load === V.load) this.routine.save(to, narrow);
    else this.routine.saveLane(to, narrow);
  }

  /** Sums over the channel, divided by the number of terms if `mean`. */
  sums(terms: (place: Variable, load: number) => readonly Wide[], count: number): number[] {
    const all = Array.from({ length: count }, () => this.math.sum());
    for (const sum of all) sum.reset();
    this.each((place, load) => {
      terms(place, load).forEach((term, k) => {
        all[k]!.add(term, load !== V.load);
      });
    });
    return all.map((sum) => sum.total());
  }

  mean(): number {
    const [sum] = this.sums((place, load) => [this.read(this.p.x, place, load)], 1);
    return this.math.one(V.f64Div, sum!, this.count);
  }

  /** The biased variance. */
  variance(mean: number): number {
    const { math } = this;
    const [sum] = this.sums((place, load) => {
      const centred = math.apply(V.f64Sub, this.read(this.p.x, place, load), mean);
      return [math.apply(V.f64Mul, centred, centred)];
    }, 1);
    return math.one(V.f64Div, sum!, this.count);
  }

  /** 1 / √(variance + eps) in one division: `numerator` / √(variance + eps). */
  scaled(numerator: number, variance: number): number {
    const { math, routine } = this;
    const eps = routine.code.vector();
    routine.code.get(this.p.eps.local).v(V.splatI32).v(V.promoteLow).set(eps);
    return math.one(V.f64Div, numerator, math.one(V.f64Sqrt, math.one(V.f64Add, variance, eps)));
  }

  number(operand: Variable): number {
    return this.math.number(add(operand, mul(this.index, 4)));
  }

  /** Stores this channel's value in a row of the result. */
  store(value: number, row = 0): void {
    const { routine, p } = this;
    const narrow = this.math.narrow({ low: value, high: value });
    routine.saveLane(add(p.y, mul(add(this.index, mul(p.channels, row)), 4)), narrow);
  }

  /** The number 1. */
  unit(): number {
    return this.math.one(V.f64Div, this.count, this.count);
  }

  /** y = (x − mean) · factor, plus a number. */
  normalise(mean: number, factor: number, beta?: number): void {
    const { math, p } = this;
    this.each((place, load) => {
      const centred = math.apply(V.f64Sub, this.read(p.x, place, load), mean);
      const scaled = math.apply(V.f64Mul, centred, factor);
      this.write(place, beta === undefined ? scaled : math.apply(V.f64Add, scaled, beta), load);
    });
  }

  /** Sums of the gradient, and of the gradient times the centred x. */
  gradientSums(mean: number): [sum: number, weighted: number] {
    const { math, p } = this;
    const [sum, weighted] = this.sums((place, load) => {
      const gradient = this.read(p.gradient, place, load);
      const centred = math.apply(V.f64Sub, this.read(p.x, place, load), mean);
      return [gradient, math.apply(V.f64Mul, gradient, centred)];
    }, 2);
    return [sum!, weighted!];
  }
}

/** gamma · s · (g − mean(g) − (x − mean) · s² · mean(g · (x − mean))), with gamma 1 if there is none. */
function gradientOf(channel: Channel, gamma?: number): void {
  const { math, p, count } = channel;
  const mean = channel.mean();
  const variance = channel.variance(mean);
  const [sum, weighted] = channel.gradientSums(mean);
  const inverse = channel.scaled(channel.unit(), variance);
  const factor = gamma === undefined ? inverse : math.one(V.f64Mul, gamma, inverse);
  const average = math.one(V.f64Div, sum, count);
  const square = math.one(V.f64Mul, inverse, inverse);
  const slope = math.one(V.f64Div, math.one(V.f64Mul, weighted, square), count);
  channel.each((place, load) => {
    const gradient = channel.read(p.gradient, place, load);
    const centred = math.apply(V.f64Sub, channel.read(p.x, place, load), mean);
    const rest = math.apply(
      V.f64Sub,
      math.apply(V.f64Sub, gradient, average),
      math.apply(V.f64Mul, centred, slope),
    );
    channel.write(place, math.apply(V.f64Mul, rest, factor), load);
  });
}

const WRITERS = {
  stats: (channel: Channel) => {
    const mean = channel.mean();
    channel.store(mean);
    channel.store(channel.variance(mean), 1);
  },
  train: (channel: Channel) => {
    const mean = channel.mean();
    const factor = channel.scaled(channel.number(channel.p.gamma), channel.variance(mean));
    channel.normalise(mean, factor, channel.number(channel.p.beta));
  },
  evaluate: (channel: Channel) => {
    const { p } = channel;
    const factor = channel.scaled(channel.number(p.gamma), channel.number(p.variance));
    channel.normalise(channel.number(p.mean), factor, channel.number(p.beta));
  },
  trainGradient: (channel: Channel) => gradientOf(channel, channel.number(channel.p.gamma)),
  rows: (channel: Channel) => {
    const mean = channel.mean();
    channel.normalise(mean, channel.scaled(channel.unit(), channel.variance(mean)));
  },
  rowsGradient: (channel: Channel) => gradientOf(channel),
  gammaGradient: (channel: Channel) => {
    const mean = channel.mean();
    const variance = channel.variance(mean);
    channel.store(channel.scaled(channel.gradientSums(mean)[1], variance));
  },
} as const;
type Kind = keyof typeof WRITERS;

/** Cost of one number, in elements of an elementwise operation: kernels make several passes. */
const PASSES = 4;
const PIECE = 2 ** 14;

function encode(kind: Kind, pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  module.run(ARGS, (routine, p) => {
    routine.for(p.from, p.to, 1, (index) => WRITERS[kind](new Channel(routine, p, index)));
  });
  return module.encodeFor(pages);
}

function normalise(
  pool: KernelPool,
  kind: Kind,
  { images, channels, area, eps }: Channels,
  operands: readonly (keyof Values)[],
  along?: Spans,
): VectorOperation {
  const work = images * area * PASSES;
  return new VectorOperation(pool, 0, [
    {
      kernel: pool.compile({ batchNorm: kind }, (pages) => encode(kind, pages)),
      total: channels,
      piece: Math.max(1, Math.floor(PIECE / Math.max(1, work))),
      elements: channels * work,
      ...(along && { along }),
      args: (places) => {
        const at = (name: keyof Values): number => places[operands.indexOf(name)] ?? 0;
        return ordered(ARGS, {
          gradient: at('gradient'),
          x: at('x'),
          gamma: at('gamma'),
          beta: at('beta'),
          mean: at('mean'),
          variance: at('variance'),
          y: at('y'),
          images,
          channels,
          area,
          eps: bitsOf(eps),
        });
      },
    },
  ]);
}

/** Mean and biased variance of each channel, [2, channels]. Operands of `run`: x, y. */
export const batchStats = (pool: KernelPool, shape: Omit<Channels, 'eps'>): VectorOperation =>
  normalise(pool, 'stats', { ...shape, eps: 0 }, ['x', 'y']);

/** Normalises with the batch's own mean and variance. Operands of `run`: x, gamma, beta, y. */
export const batchNormTrain = (pool: KernelPool, shape: Channels): VectorOperation =>
  normalise(pool, 'train', shape, ['x', 'gamma', 'beta', 'y']);

/** The gradient with respect to x. Operands of `run`: the gradient of y, x, gamma, the gradient of x. */
export const batchNormTrainGrad = (pool: KernelPool, shape: Channels): VectorOperation =>
  normalise(pool, 'trainGradient', shape, ['gradient', 'x', 'gamma', 'y']);

/** The gradient with respect to gamma. Operands of `run`: the gradient of y, x, the gradient of gamma. */
export const batchNormGradGamma = (pool: KernelPool, shape: Channels): VectorOperation =>
  normalise(pool, 'gammaGradient', shape, ['gradient', 'x', 'y']);

/** Normalises with a given mean and variance. Operands of `run`: x, gamma, beta, mean, variance, y. */
export const batchNorm = (pool: KernelPool, shape: Channels): VectorOperation =>
  normalise(pool, 'evaluate', shape, ['x', 'gamma', 'beta', 'mean', 'variance', 'y']);

/** Rows of numbers, each of which is normalised separately. */
export interface Rows {
  readonly rows: number;
  readonly length: number;
  readonly eps: number;
}

const asChannels = ({ rows, length, eps }: Rows): Channels => ({
  images: 1,
  channels: rows,
  area: length,
  eps,
});

/** Every operand has the elements of a row for each index; the last one is the result. */
const rowByRow = ({ length }: Rows, operands: number): Spans => ({
  spans: Array.from({ length: operands }, () => perIndex(length)),
  writes: operands - 1,
});

/** (x − mean) / √(var + eps) of each row. Operands of `run`: x, y. */
export const normalizeRows = (pool: KernelPool, shape: Rows): VectorOperation =>
  normalise(pool, 'rows', asChannels(shape), ['x', 'y'], rowByRow(shape, 2));

/** The gradient of `normalizeRows`. Operands of `run`: the gradient of y, x, the gradient of x. */
export const normalizeRowsGrad = (pool: KernelPool, shape: Rows): VectorOperation =>
  normalise(pool, 'rowsGradient', asChannels(shape), ['gradient', 'x', 'y'], rowByRow(shape, 3));
