import { type Profiler, Session } from 'node:inspector';

/** Compiled code of the product, and zod, which does a part of its work; tests and this folder do not count. */
const OURS = /\/dist\/src\/|\/node_modules\/zod\//;

export interface Counts {
  /** Blocks that ran. */
  readonly covered: number;
  /** Blocks of all functions that ran at least once. */
  readonly total: number;
}

/**
 * Which blocks of the product's code run, from V8's own counters. Blocks are remembered as the characters of the
 * source that they cover, because V8 merges neighbours that ran equally often: their borders change from one
 * report to the next.
 */
export class Coverage {
  readonly #session = new Session();
  /** A byte for each character of a script: 1 where it ran. */
  readonly #seen = new Map<string, Uint8Array>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    // Counts, because without them V8 reports a function that has no blocks only once.
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** What ran since the last call. */
  #take(): Profiler.ScriptCoverage[] {
    let taken: Profiler.ScriptCoverage[] = [];
    // Answered at once, as the session is of this thread.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error) throw error;
      taken = result.filter(({ url }) => OURS.test(url));
    });
    return taken;
  }

  /** As if nothing had run yet. */
  forget(): void {
    this.skip();
    this.#seen.clear();
  }

  /** Forgets what ran since the last call. */
  skip(): void {
    this.#take();
  }

  /** Whether code ran since the last call that never ran before; remembers it if `keep`. */
  grew(keep: boolean): boolean {
    let grew = false;
    for (const { url, functions } of this.#take())
      for (const { ranges } of functions) {
        const { startOffset, endOffset, count } = ranges[0]!;
        if (count === 0) continue;
        const seen = this.#marks(url, endOffset);
        // Ranges are nested, the outer before the inner.
        const ran = new Uint8Array(endOffset - startOffset).fill(1);
        for (const inner of ranges)
          ran.fill(Math.min(1, inner.count), inner.startOffset - startOffset, inner.endOffset - startOffset);
        for (let i = 0; i < ran.length; i++) {
          if (ran[i] === 0 || seen[startOffset + i] === 1) continue;
          grew = true;
          if (!keep) return true;
          seen[startOffset + i] = 1;
        }
      }
    return grew;
  }

  #marks(url: string, length: number): Uint8Array {
    const known = this.#seen.get(url);
    if (known && known.length >= length) return known;
    const marks = new Uint8Array(Math.max(length, 2 * (known?.length ?? 0)));
    if (known) marks.set(known);
    this.#seen.set(url, marks);
    return marks;
  }

  /** Blocks that ran since the last call. */
  count(): Counts {
    let [covered, total] = [0, 0];
    for (const { functions } of this.#take())
      for (const { ranges } of functions) {
        if (ranges[0]!.count === 0) continue;
        total += ranges.length;
        covered += ranges.filter(({ count }) => count > 0).length;
      }
    return { covered, total };
  }
}
