import { V } from '../../../webassembly/instructions.js';
import {
  add,
  at,
  bitsOf,
  type Int,
  mul,
  type Routine,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { log } from '../functions/logarithm.js';
import { KernelModule, ordered } from '../kernel-module.js';
import { VectorOperation } from '../operation.js';
import type { KernelPool } from '../pool.js';
import { ELEMENTS, PIECE, rowCode } from './softmax.js';

/** Logits of `rows` images or tokens, and the part of each target that is spread over all classes. */
export interface Classes {
  readonly rows: number;
  readonly classes: number;
  /** A function if it changes from run to run. */
  readonly labelSmoothing: number | (() => number);
}

/** Whether labels are smoothed: perhaps, if that depends on the run. */
type Smooth = boolean | 'perhaps';

/**
 * Shares are bits of float32: `keep` is the part of the target that is the label's, `spread` the part of each class and
 * `smoothing` that of all classes.
 * `gradient` is unused forwards.
 */
const ARGS = ['gradient', 'logits', 'labels', 'y', 'classes', 'keep', 'spread', 'smoothing'] as const;
type Values = Readonly<Record<(typeof ARGS)[number] | 'from' | 'to' | 'thread', Variable>>;

/** A vector variable with one float32 in all lanes. */
function splat({ code }: Routine, bits: Variable): number {
  const local = code.vector();
  code.get(bits.local).v(V.splatI32).set(local);
  return local;
}

/** y = keep · (log Σ e^x − x[label]) + spread · Σ (log Σ e^x − x). */
function forward(routine: Routine, p: Values, smooth: Smooth): void {
  const { code } = routine;
  const [keep, spread] = [splat(routine, p.keep), splat(routine, p.spread)];
  const { math, shift, shifted, sum } = rowCode(routine, p.classes);
  const loss = code.vector();
  routine.for(p.from, p.to, 1, (piece) => {
    const row = routine.let(add(p.logits, mul(mul(piece, p.classes), 4)));
    const all = math.sum();
    all.reset();
    const total = log(
      code,
      sum(row, smooth ? (load) => all.add(math.widen(shifted), load !== V.load) : undefined),
    );
    shift(add(row, mul(at(add(p.labels, mul(piece, 4))), 4)), V.load32Splat);
    code.get(total).get(shifted).v(V.f32Sub).get(keep).v(V.f32Mul).set(loss);
    if (smooth) {
      const sums = all.total();
      const narrow = math.narrow({ low: sums, high: sums });
      const smoothing = splat(routine, p.smoothing);
      code.get(total).get(smoothing).v(V.f32Mul).get(loss).v(V.f32Add);
      code.get(narrow).get(spread).v(V.f32Mul).v(V.f32Sub);
      // 0 · ∞ is NaN, so that without smoothing an infinite logit of another class must have no part.
      if (smooth === 'perhaps') {
        const smoothed = code.vector();
        code.set(smoothed).get(loss).get(smoothed).get(smoothing).f32(0).v(V.f32Equal).v(V.bitselect);
      }
      code.set(loss);
    }
    routine.saveLane(add(p.y, mul(piece, 4)), loss);
  });
}

/** dx = dy · (softmax(x) − spread − keep · onehot(label)). The powers are kept in dx until their sum is known. */
function backward(routine: Routine, p: Values): void {
  const { code } = routine;
  const [keep, spread] = [splat(routine, p.keep), splat(routine, p.spread)];
  const { each, sum, store } = rowCode(routine, p.classes);
  const [result, own] = [code.vector(), code.vector()];
  const toY = routine.let(sub(p.y, p.logits));
  routine.for(p.from, p.to, 1, (piece) => {
    const row = routine.let(add(p.logits, mul(mul(piece, p.classes), 4)));
    const total = sum(row, undefined, (at, power, load) => store(add(at, toY), power, load));
    const slope = routine.load(add(p.gradient, mul(piece, 4)), 0, V.load32Splat);
    const less = (from: Int, load: number): void => {
      code
        .get(routine.load(from, 0, load))
        .get(total)
        .v(V.f32Div)
        .get(spread)
        .v(V.f32Sub)
        .set(result);
    };
    const to = routine.let(add(row, toY));
    const label = routine.let(add(to, mul(at(add(p.labels, mul(piece, 4))), 4)));
    less(label, V.load32Splat);
    code.get(result).get(keep).v(V.f32Sub).get(slope).v(V.f32Mul).set(own);
    each(to, (from, load) => {
      less(from, load);
      code.get(result).get(slope).v(V.f32Mul).set(result);
      store(from, result, load);
    });
    routine.saveLane(label, own);
  });
}

function make(pool: KernelPool, shape: Classes, gradient: boolean): VectorOperation {
  const { rows, classes, labelSmoothing } = shape;
  const varies = typeof labelSmoothing !== 'number';
  const smooth: Smooth = varies ? 'perhaps' : labelSmoothing > 0;
  const each = ELEMENTS * classes;
  return new VectorOperation(pool, 0, [
    {
      kernel: pool.compile({ crossEntropy: gradient ? 'gradient' : 'value', smooth }, (pages) => {
        const module = new KernelModule();
        module.run(ARGS, (routine, p) => (gradient ? backward(routine, p) : forward(routine, p, smooth)));
        return module.encodeFor(pages);
      }),
      total: classes === 0 ? 0 : rows,
      piece: Math.max(1, Math.floor(PIECE / Math.max(1, each))),
      elements: rows * each,
      varies,
      args: (operands) => {
        const [slope, logits, labels, y] = (gradient ? operands : [0, ...operands]) as [
          number,
          number,
          number,
          number,
        ];
        const part = varies ? labelSmoothing() : labelSmoothing;
        const shares = { keep: bitsOf(1 - part), spread: bitsOf(part / classes), smoothing: bitsOf(part) };
        return ordered(ARGS, { gradient: slope, logits, labels, y, classes, ...shares });
      },
    },
  ]);
}

/** Cross-entropy of each row. Operands of `run`: logits, labels (each in [0, classes)), y [rows]. */
export const crossEntropy = (pool: KernelPool, shape: Classes): VectorOperation => make(pool, shape, false);

/** Its gradient. Operands of `run`: the rows' gradients [rows], logits, labels, dx. */
export const crossEntropyGrad = (pool: KernelPool, shape: Classes): VectorOperation =>
  make(pool, shape, true);
