import { sizeOf } from '../../graph/types.js';
import type { Kernels } from '../backend.js';
import {
  type Algorithm,
  algorithmsFor,
  type Convolution,
  type Direction,
  usualAlgorithm,
} from '../simd/conv/algorithm.js';
import { conv2d, conv2dGradInput, conv2dGradWeight } from '../simd/conv/conv.js';
import type { VectorOperation } from '../simd/operation.js';
import type { KernelPool } from '../simd/pool.js';
import { bytesFor, type WasmMemory } from './memory.js';

/** Keeps choices between processes. */
export interface ChoiceStore {
  get(key: string): string | undefined;
  set(key: string, name: string): void;
  save(): void;
}

/** Smaller convolutions are not timed, since that would cost more than it saves. */
const WORTH_TRYING_MACS = 5e7;
/** Multiply-adds of a trial: some milliseconds. */
const TRIAL_MACS = 1e8;
/** V8 compiles a kernel anew, with optimisations, while it runs for the first times. */
const WARM_UPS = 4;
const TRIAL_RUNS = 3;
/** Builds the operation of a direction. */
const BUILD: Readonly<
  Record<Direction, (pool: KernelPool, shape: Convolution, algorithm: Algorithm) => VectorOperation>
> = {
  forward: (pool, shape, algorithm) => conv2d(pool, shape, {}, algorithm),
  input: (pool, shape, algorithm) => conv2dGradInput(pool, shape, {}, algorithm),
  weights: conv2dGradWeight,
};
/** The operands of a direction, in the order of `run`. */
const OPERANDS = {
  forward: ['x', 'w', 'y'],
  input: ['y', 'w', 'x'],
  weights: ['y', 'x', 'w'],
} as const;

/**
 * Chooses how convolutions are computed: by timing the algorithms once on this machine, where the choice can be stored;
 * elsewhere, and for small ones, by a rule.
 */
export class Algorithms {
  /** All choices that were measured, stored, or given with `keepTo`. */
  readonly #chosen = new Map<string, string>();

  constructor(
    readonly memory: WasmMemory,
    readonly pool: KernelPool,
    readonly store: ChoiceStore | undefined,
  ) {}

  /** Adopts earlier choices. @returns all choices, sorted by key */
  keepTo(choices: Kernels): Kernels {
    for (const [key, name] of Object.entries(choices)) this.#chosen.set(key, name);
    return Object.fromEntries([...this.#chosen].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  pick(direction: Direction, shape: Convolution): Algorithm {
    const able = algorithmsFor(shape);
    if (able.length === 1) return able[0]!;
    const { x, w, y, padding, groups } = shape;
    const macs = (sizeOf(y) * sizeOf(w)) / y[1];
    const key = `wasm tiles ${direction} ${x.join('x')} ${w.join('x')} p${padding.join('x')} g${groups}`;
    // A name that is not known here comes from a damaged file.
    const stored = able.find((one) => one === this.store?.get(key));
    let name = this.#chosen.get(key) ?? stored;
    if (name === undefined && macs >= WORTH_TRYING_MACS && this.store) {
      name = this.#fastest(direction, shape, macs, able);
      if (name !== undefined) this.store.set(key, name);
    }
    const known = able.find((one) => one === name);
    if (known) this.#chosen.set(key, known);
    return known ?? usualAlgorithm(shape, direction);
  }

  /** Runs the algorithms in turn on fewer images. @returns the fastest one; undefined if there is no memory for it */
  #fastest(
    direction: Direction,
    shape: Convolution,
    macs: number,
    able: readonly Algorithm[],
  ): Algorithm | undefined {
    const images = Math.max(1, Math.min(shape.x[0], Math.round((shape.x[0] * TRIAL_MACS) / macs)));
    const some: Convolution = {
      ...shape,
      x: [images, shape.x[1], shape.x[2], shape.x[3]],
      y: [images, shape.y[1], shape.y[2], shape.y[3]],
    };
    const trials = able.map((name) => ({
      name,
      operation: BUILD[direction](this.pool, some, name),
      best: Number.POSITIVE_INFINITY,
    }));
    const numbers = OPERANDS[direction].map((operand) => sizeOf(some[operand]));
    const scratch = Math.max(...trials.map(({ operation }) => operation.scratchBytes));
    const offsets: number[] = [];
    try {
      for (const bytes of [...numbers.map((count) => bytesFor('float32', count)), scratch]) {
        const offset = this.memory.allocate(bytes);
        if (offset === undefined) return undefined;
        offsets.push(offset);
      }
      numbers.forEach((count, k) => {
        this.memory.array('float32', offsets[k]!, count).fill(1);
      });
      for (let run = 0; run < WARM_UPS + TRIAL_RUNS; run++)
        for (const trial of trials) {
          const started = performance.now();
          trial.operation.run(offsets.slice(0, 3), offsets[3]!);
          if (run >= WARM_UPS) trial.best = Math.min(trial.best, performance.now() - started);
        }
    } finally {
      for (const offset of offsets) this.memory.free(offset);
    }
    return trials.reduce((a, b) => (b.best < a.best ? b : a)).name;
  }
}
