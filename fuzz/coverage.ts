import { type Profiler, Session } from 'node:inspector';

/** Code whose coverage counts: the product, and zod, which validates its input; not tests and not this folder. */
const OURS = /\/dist\/src\/|\/node_modules\/zod\//;

export interface Counts {
  /** Blocks that ran. */
  readonly covered: number;
  /** Blocks of all functions that were called. */
  readonly total: number;
}

/**
 * Records which blocks of the product's code have run, from V8's counters. Blocks are stored as the source characters
 * that they cover, because V8 merges adjacent blocks with equal counts, so their borders change between reports.
 */
export class Coverage {
  readonly #session = new Session();
  /** One byte per character of a script: 1 if it has run. */
  readonly #seen = new Map<string, Uint8Array>();

  constructor() {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    // callCount, because without it V8 reports a function without blocks only once.
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Coverage since the last call. */
  #take(): Profiler.ScriptCoverage[] {
    let taken: Profiler.ScriptCoverage[] = [];
    // The callback runs synchronously, since the session belongs to this thread.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error) throw error;
      taken = result.filter(({ url }) => OURS.test(url));
    });
    return taken;
  }

  /** Clears all recorded coverage. */
  forget(): void {
    this.skip();
    this.#seen.clear();
  }

  /** Discards the coverage since the last call. */
  skip(): void {
    this.#take();
  }

  /** Whether new code has run since the last call; records it if `keep`. */
  grew(keep: boolean): boolean {
    let grew = false;
    for (const { url, functions } of this.#take())
      for (const { ranges } of functions) {
        const { startOffset, endOffset, count } = ranges[0]!;
        if (count === 0) continue;
        const seen = this.#marks(url, endOffset);
        // Ranges are nested, outer ranges first.
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
