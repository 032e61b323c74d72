import { sizeOf } from '../../graph/types.js';
import type { Kernels } from '../backend.js';
import {
  type Algorithm,
  type Convolution,
  canTile,
  conv2d,
  conv2dGradInput,
  prefersTiles,
} from '../simd/conv/conv.js';
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
const TRIAL_MACS = 3e8;
/** V8 compiles a kernel anew, with optimisations, while it runs for the first times. */
const WARM_UPS = 4;
const TRIAL_RUNS = 3;
const ALGORITHMS: readonly Algorithm[] = ['direct', 'winograd'];
const BUILD = { forward: conv2d, input: conv2dGradInput } as const;

/**
 * Chooses how convolutions are computed: by timing both algorithms once on this machine, where the choice can be stored;
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

  /** @param direction the result, or the gradient of the input */
  pick(direction: 'forward' | 'input', shape: Convolution): Algorithm {
    if (!canTile(shape)) return 'direct';
    const { x, w, y, padding, groups } = shape;
    const macs = (sizeOf(y) * sizeOf(w)) / y[1];
    const key = `wasm conv2d ${direction} ${x.join('x')} ${w.join('x')} p${padding.join('x')} g${groups}`;
    let name = this.#chosen.get(key) ?? this.store?.get(key);
    if (name === undefined && macs >= WORTH_TRYING_MACS && this.store) {
      name = this.#faster(direction, shape, macs);
      if (name !== undefined) this.store.set(key, name);
    }
    const known = ALGORITHMS.find((one) => one === name);
    if (known) this.#chosen.set(key, known);
    return known ?? (prefersTiles(shape) ? 'winograd' : 'direct');
  }

  /** Runs both algorithms in turn on fewer images. @returns the faster one; undefined if there is no memory for it */
  #faster(direction: 'forward' | 'input', shape: Convolution, macs: number): Algorithm | undefined {
    const images = Math.max(1, Math.min(shape.x[0], Math.round((shape.x[0] * TRIAL_MACS) / macs)));
    const some: Convolution = {
      ...shape,
      x: [images, shape.x[1], shape.x[2], shape.x[3]],
      y: [images, shape.y[1], shape.y[2], shape.y[3]],
    };
    const trials = ALGORITHMS.map((name) => ({
      name,
      operation: BUILD[direction](this.pool, some, {}, name),
      best: Number.POSITIVE_INFINITY,
    }));
    const numbers = (direction === 'forward' ? [some.x, some.w, some.y] : [some.y, some.w, some.x]).map(
      sizeOf,
    );
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
