import type { Kernels, ProcessorPrecision } from '../backend.js';
import { Alg, Arg, type Dnnl, type Handle, type Md, Prop, Query, Unimplemented } from './api/dnnl.js';
import type { KernelCache } from './kernel-cache.js';
import { allocate, arrayAt } from './library/memory.js';

export type Operand = readonly [arg: number, md: Md];

/** One implementation of a workload. Both functions throw Unimplemented if the library does not have it. */
export interface Candidate {
  readonly name: string;
  /** Use only if no other candidate is implemented; never timed. */
  readonly fallback?: boolean;
  /** Creates the primitive descriptor. */
  make(): Handle;
  /** A smaller workload of the same kind, to be timed. */
  trial(): { readonly pd: Handle; readonly operands: readonly Operand[] };
}

interface Trial {
  run(): void;
  free(): void;
}

/** Smaller workloads are not timed: overhead dominates, and timing would cost more than it saves. */
const WORTH_TRYING_MACS = 5e7;
/** Multiply-adds of a trial: about 10 ms per run. In smaller trials the fixed cost per call would dominate. */
const TRIAL_MACS = 1e9;
const TRIAL_RUNS = 3;
/**
 * A float32 kernel is chosen instead of a bfloat16 kernel only if its time is below this share: values would have to be
 * converted between the two types.
 */
const BFLOAT16_BONUS = 0.9;

/**
 * Chooses between several implementations of a workload by timing them once on this machine and caching the result.
 * Without a cache the first implemented candidate is used: making the same choice in each run matters more than the last
 * few percent.
 */
export class KernelChoice {
  readonly sampleMacs = TRIAL_MACS;
  readonly compute: Exclude<ProcessorPrecision, 'auto'>;
  readonly #dnnl: Dnnl;
  readonly #cache: KernelCache | undefined;
  /** All choices used by this engine: measured, cached or given with `keepTo`. */
  readonly #chosen = new Map<string, string>();

  constructor(dnnl: Dnnl, precision: ProcessorPrecision, cache: KernelCache | undefined) {
    this.#dnnl = dnnl;
    this.#cache = cache;
    this.compute = precision === 'auto' ? this.#fasterPrecision() : precision;
  }

  /** @param key identifies the workload, independently of its implementation */
  pick(key: string, macs: number, candidates: readonly Candidate[]): Handle {
    const choosing = macs >= WORTH_TRYING_MACS && candidates.filter((c) => !c.fallback).length > 1;
    const name = `${key} ${this.compute}`;
    const known = choosing ? this.#remembered(name, candidates) : undefined;
    const order = known ? [known, ...candidates.filter((c) => c !== known)] : candidates;
    for (const candidate of order) {
      try {
        const made = candidate.make();
        if (choosing) this.#chosen.set(name, candidate.name);
        return made;
      } catch (error) {
        if (!(error instanceof Unimplemented) || candidate === order.at(-1)) throw error;
      }
    }
    throw new Error(`no candidates for ${key}`);
  }

  /** Adopts earlier choices. @returns all choices, sorted by key */
  keepTo(choices: Kernels): Kernels {
    for (const [key, name] of Object.entries(choices)) this.#chosen.set(key, name);
    return Object.fromEntries([...this.#chosen].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #remembered(key: string, candidates: readonly Candidate[]): Candidate | undefined {
    const cache = this.#cache;
    // A name that is not known here comes from a damaged file.
    const stored = candidates.find((c) => c.name === cache?.get(key))?.name;
    let name = this.#chosen.get(key) ?? stored;
    if (name === undefined && cache) {
      name = this.#fastest(candidates);
      if (name !== undefined) cache.set(key, name);
    }
    return candidates.find((c) => c.name === name);
  }

  /** Runs the candidates in turn, so that a busy moment of the machine slows all of them. */
  #fastest(candidates: readonly Candidate[]): string | undefined {
    const trials: (Trial & { name: string; best: number })[] = [];
    for (const { name, fallback, trial } of candidates) {
      if (fallback) continue;
      try {
        trials.push({ name, best: Number.POSITIVE_INFINITY, ...this.#prepare(trial()) });
      } catch (error) {
        if (!(error instanceof Unimplemented)) throw error;
      }
    }
    for (let run = 0; run <= TRIAL_RUNS; run++)
      for (const trial of trials) {
        const started = performance.now();
        trial.run();
        // The first run is a warm-up.
        if (run > 0) trial.best = Math.min(trial.best, performance.now() - started);
      }
    for (const trial of trials) trial.free();
    const cost = ({ name, best }: (typeof trials)[number]) =>
      best * (name === 'bfloat16' ? BFLOAT16_BONUS : 1);
    return trials.sort((x, y) => cost(x) - cost(y))[0]?.name;
  }

  /** Prepares a primitive with its own memory. */
  #prepare({ pd, operands }: ReturnType<Candidate['trial']>): Trial {
    const d = this.#dnnl;
    const scratch = d.query(pd, Query.scratchpad);
    const all = scratch ? [...operands, [Arg.scratchpad, scratch] as const] : operands;
    const blocks = all.map(([, md]) => allocate(d.bytes(md)));
    // Untouched pages all map to one page of zeros, which would stay in the cache.
    for (const { address, bytes } of blocks) arrayAt(address, 'float32', bytes >> 2).fill(1);
    const memories = all.map(([, md], i) => d.memory(md, blocks[i]!.address));
    const args = d.args(all.map(([arg], i) => [arg, memories[i]!] as const));
    const primitive = d.primitive(pd);
    return {
      run: () => d.execute(primitive, args),
      free: () => {
        d.destroyPrimitive(primitive);
        for (const memory of memories) d.destroyMemory(memory);
        for (const block of blocks) block.free();
      },
    };
  }

  /** bfloat16 if this CPU is faster with it, else float32. */
  #fasterPrecision(): Exclude<ProcessorPrecision, 'auto'> {
    const cache = this.#cache;
    if (!cache) return 'float32';
    const known = cache.get('precision');
    if (known === 'float32' || known === 'bfloat16') return known;
    const name = this.#fastest(probes(this.#dnnl)) === 'bfloat16' ? 'bfloat16' : 'float32';
    this.#dnnl.destroyPds();
    cache.set('precision', name);
    cache.save();
    return name;
  }
}

/** A 5 × 5 convolution of 64 channels in both types; Winograd's transform does not apply to it. */
function probes(d: Dnnl): Candidate[] {
  const [images, weights] = [
    [4, 64, 28, 28],
    [64, 64, 5, 5],
  ];
  const g = { strides: [1, 1], dilates: [0, 0], padLeft: [2, 2], padRight: [2, 2] };
  return (['bfloat16', 'float32'] as const).map((type): Candidate => {
    const make = (): Handle => {
      const [x, w] = [d.any(images, type), d.any(weights, type)];
      return d.convForward(Prop.forwardTraining, Alg.direct, x, w, null, x, g);
    };
    const trial = () => {
      const pd = make();
      const md = (query: number): Md => d.query(pd, query)!;
      const operands: Operand[] = [
        [Arg.src, md(Query.src)],
        [Arg.weights, md(Query.weights)],
        [Arg.dst, md(Query.dst)],
      ];
      return { pd, operands };
    };
    return { name: type, make, trial };
  });
}
