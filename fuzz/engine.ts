import { getHeapStatistics } from 'node:v8';
import { Generator } from '../src/random.js';
import { bytesOf, textOf } from './bytes.js';
import type { Coverage } from './coverage.js';
import { Guards } from './guards.js';
import { mutateJson } from './json.js';
import { mutate, pick } from './mutate.js';
import { shapeOf, tryInput } from './outcome.js';
import type { Target } from './target.js';

/** Time limit per input; CPU time decides if the machine is busy. */
const SLOW_MS = 1000;
/** Memory limit per input, in addition to a multiple of its size. */
const ROOM = 64 * 2 ** 20;
const ROOM_FACTOR = 4;
/** Inputs per coverage check: at first, and after a long time without new coverage. */
const [FIRST_BATCH, LAST_BATCH] = [32, 4096];
/** Maximum number of mutations of an input in a steady run. */
const STEADY_TIMES = 4;
/** Maximum number of distinct kinds of outcome. */
const KINDS = 500;

export interface Failure {
  readonly why: string;
  readonly input: Uint8Array;
}

export interface Report {
  readonly target: string;
  readonly seed: number;
  readonly inputs: number;
  readonly accepted: number;
  readonly seconds: number;
  /** Covered blocks of the product's code, and all blocks of the called functions. */
  readonly blocks: number;
  readonly blocksOfFunctions: number;
  readonly corpus: number;
  readonly slowestMs: number;
  /** Peak of heap and buffers of the process. */
  readonly peakMiB: number;
  /** Largest increase by a single input. */
  readonly mostAddedMiB: number;
  readonly failures: readonly string[];
}

export interface Options {
  readonly seed: number;
  readonly runs: number;
  /** Time limit of the run in seconds. */
  readonly time?: number;
  /** Inputs from earlier runs. */
  readonly corpus?: readonly Uint8Array[];
  /** Mutates only the inputs given, so that new ones depend on the seed alone and not on outcomes or coverage. */
  readonly steady?: boolean;
  /** Number of different failures after which the run ends; 10 by default. */
  readonly maxFailures?: number;
  /** Must be created before the covered code is compiled. Without it, inputs are kept by their outcome only. */
  readonly coverage?: Coverage;
  /** Called with each input before it is read, so that a watchdog knows which input hangs. */
  readonly before?: (input: Uint8Array) => void;
}

const memory = (): number => {
  const { used_heap_size, external_memory } = getHeapStatistics() as ReturnType<typeof getHeapStatistics> & {
    external_memory: number;
  };
  return used_heap_size + external_memory;
};

/**
 * Fuzzes one target. Equal options give equal inputs as long as outcomes and coverage are the same; in a steady run they
 * always do.
 */
export class Engine {
  readonly corpus: Uint8Array[] = [];
  readonly failures: Failure[] = [];
  readonly #random: Generator;
  readonly #kinds = new Set<string>();
  readonly #words: readonly Uint8Array[];
  readonly #texts: readonly string[];
  #inputs = 0;
  #accepted = 0;
  #slowest = 0;
  #peak = 0;
  #mostAdded = 0;

  constructor(
    readonly target: Target,
    readonly options: Options,
  ) {
    this.#random = new Generator(options.seed);
    const words = target.words ?? [];
    this.#words = words.map((word) => (typeof word === 'string' ? bytesOf(word) : word));
    this.#texts = words.filter((word) => typeof word === 'string');
  }

  /** An input of the corpus, mutated. */
  #next(): Uint8Array {
    const random = this.#random;
    // Prefers recent inputs, which have been mutated less often.
    const from = this.corpus.length;
    const chosen =
      random.integer(2) === 0 ? from - 1 - random.integer(Math.min(from, 32)) : random.integer(from);
    // The corpus of a steady run has no mutated inputs that could be mutated again.
    const times = this.options.steady ? 1 + random.integer(STEADY_TIMES) : 1;
    let input = this.corpus[chosen]!;
    for (let i = 0; i < times; i++) input = this.#mutated(input);
    return input;
  }

  #mutated(input: Uint8Array): Uint8Array {
    const { target } = this;
    const random = this.#random;
    const most = target.most ?? 4096;
    const other = (): Uint8Array => pick(random, this.corpus);
    const way = random.integer(8);
    if (target.reshape && way < 3) {
      const reshaped = target.reshape(input.slice(), random);
      // Half of them are mutated again, without regard to the format.
      if (random.integer(2) === 0) return reshaped.slice(0, most);
      return mutate(reshaped, random, { words: this.#words, other, most });
    }
    if (target.format === 'json' && way < 7) {
      const changed = mutateJson(input, random, { other, most, words: this.#texts });
      if (changed) return changed;
    }
    if (target.format === 'lines' && way < 6) {
      const lines = textOf(input).split('\n');
      const line = random.integer(lines.length);
      const changed = mutateJson(bytesOf(lines[line]!), random, {
        other,
        most: most / 2,
        words: this.#texts,
      });
      if (changed) {
        lines[line] = textOf(changed);
        return bytesOf(lines.join('\n')).slice(0, most);
      }
    }
    return mutate(input, random, { words: this.#words, other, most });
  }

  #fail(why: string, input: Uint8Array): void {
    // The same error at the same place counts once, whatever its message says about the input.
    const essence = (text: string): string =>
      /^\w+(?=:)/.exec(text)?.[0] + (/ at .*/.exec(text)?.[0] ?? shapeOf(text));
    if (!this.failures.some((known) => essence(known.why) === essence(why)))
      this.failures.push({ why, input });
  }

  async #run(input: Uint8Array): Promise<void> {
    this.options.before?.(input);
    const [began, had] = [performance.now(), memory()];
    const outcome = await tryInput(this.target, input);
    const [took, has] = [performance.now() - began, memory()];
    this.#inputs++;
    if (outcome.accepted) this.#accepted++;
    if (took > this.#slowest) this.#slowest = took;
    if (has > this.#peak) this.#peak = has;
    if (has - had > this.#mostAdded) this.#mostAdded = has - had;
    if (outcome.failure) this.#fail(await this.#where(input, outcome.failure), input);
    if (has - had > ROOM + ROOM_FACTOR * input.length)
      this.#fail(`took ${Math.round((has - had) / 2 ** 20)} MiB of memory`, input);
    if (took > SLOW_MS && (await this.#isSlow(input))) this.#fail(`took more than ${SLOW_MS} ms`, input);
    if (!this.#kinds.has(outcome.kind) && this.#kinds.size < KINDS) {
      this.#kinds.add(outcome.kind);
      if (!outcome.failure && !this.options.steady) this.corpus.push(input);
    }
  }

  /** The failure with the source location that caused it. */
  async #where(input: Uint8Array, failure: string): Promise<string> {
    Error.stackTraceLimit = 20;
    const again = await tryInput(this.target, input);
    Error.stackTraceLimit = 0;
    return again.failure ?? failure;
  }

  /** Whether the input itself is slow, by CPU time, and not the machine busy. */
  async #isSlow(input: Uint8Array): Promise<boolean> {
    const before = process.cpuUsage();
    await tryInput(this.target, input);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000 > SLOW_MS;
  }

  async #runAll(inputs: readonly Uint8Array[]): Promise<void> {
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < inputs.length) await this.#run(inputs[next++]!);
    };
    await Promise.all(Array.from({ length: this.target.parallel ?? 1 }, work));
  }

  /** Reads an input again, and informs the watchdog. */
  async #again(input: Uint8Array): Promise<void> {
    this.options.before?.(input);
    await tryInput(this.target, input);
  }

  /** Finds the inputs that reach new code, by bisection. */
  async #sift(inputs: readonly Uint8Array[], coverage: Coverage): Promise<void> {
    coverage.skip();
    for (const input of inputs) await this.#again(input);
    if (!coverage.grew(inputs.length === 1)) return;
    if (inputs.length === 1) {
      this.corpus.push(inputs[0]!);
      return;
    }
    const middle = inputs.length >> 1;
    await this.#sift(inputs.slice(0, middle), coverage);
    await this.#sift(inputs.slice(middle), coverage);
  }

  /** @throws any error of the target's seeds */
  async run(): Promise<Report> {
    const { target, options } = this;
    const { coverage } = options;
    const seeds: Uint8Array[] = [...(await target.seeds()), ...(options.corpus ?? [])];
    for (const seed of seeds) await tryInput(target, seed);
    // Most inputs end in an error whose stack is not used.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const guards = new Guards();
    const began = performance.now();
    const left = (): boolean =>
      this.#inputs < options.runs &&
      this.failures.length < (options.maxFailures ?? 10) &&
      performance.now() - began < 1000 * (options.time ?? Number.POSITIVE_INFINITY);
    let batch = FIRST_BATCH;
    try {
      this.corpus.push(...seeds);
      await this.#runAll(seeds);
      coverage?.grew(true);
      while (left()) {
        const length = Math.min(batch, options.runs - this.#inputs);
        const inputs = Array.from({ length }, () => this.#next());
        await this.#runAll(inputs);
        if (coverage?.grew(false)) {
          await this.#sift(inputs, coverage);
          batch = FIRST_BATCH;
        } else batch = Math.min(LAST_BATCH, Math.ceil(1.2 * batch));
        if (guards.check() !== undefined) await this.#blame(inputs, guards);
      }
      coverage?.skip();
      for (const input of this.corpus) await this.#again(input);
      const { covered, total } = coverage?.count() ?? { covered: 0, total: 0 };
      const mib = (bytes: number): number => Math.round((bytes / 2 ** 20) * 10) / 10;
      return {
        target: target.name,
        seed: options.seed,
        inputs: this.#inputs,
        accepted: this.#accepted,
        seconds: Math.round((performance.now() - began) / 100) / 10,
        blocks: covered,
        blocksOfFunctions: total,
        corpus: this.corpus.length,
        slowestMs: Math.round(this.#slowest * 10) / 10,
        peakMiB: mib(this.#peak),
        mostAddedMiB: mib(this.#mostAdded),
        failures: this.failures.map(({ why }) => why),
      };
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
      guards.close();
      await target.close?.();
    }
  }

  /** Finds the inputs that called a guarded function or changed a shared object. */
  async #blame(inputs: readonly Uint8Array[], guards: Guards): Promise<void> {
    for (const input of inputs) {
      await tryInput(this.target, input);
      const did = guards.check();
      if (did !== undefined) this.#fail(did, input);
    }
  }
}
