import type { Curve } from '../api.js';
import { Columns } from './columns.js';

/** Maximum number of names of a run; further ones are left out. */
const MOST = 2000;
const KEY = ['value'] as const;

/** Metrics by name, each with its own steps. */
export class NamedColumns {
  readonly #columns = new Map<string, Columns<'value'>>();
  readonly #value = new Float64Array(1);

  get names(): string[] {
    return [...this.#columns.keys()];
  }

  /** A step that is not larger than the last one of this name is skipped. */
  push(name: string, step: number, value: number): void {
    let columns = this.#columns.get(name);
    if (!columns) {
      if (this.#columns.size >= MOST) return;
      columns = new Columns(KEY);
      this.#columns.set(name, columns);
    }
    this.#value[0] = Number.isFinite(value) ? value : Number.NaN;
    columns.push(step, this.#value, 0);
  }

  /** Drops the values after a step. */
  truncate(step: number): void {
    for (const columns of this.#columns.values()) columns.truncate(columns.rowOf(step + 1));
  }

  /** @returns undefined for an unknown name */
  curve(name: string, from: number, to: number, points: number): Curve | undefined {
    const columns = this.#columns.get(name);
    if (!columns) return undefined;
    const { step, values } = columns.series(KEY, from, to, points);
    return { step, ...values.value! };
  }

  /** The last finite value of a name, to the precision of float32. */
  last(name: string): number | undefined {
    const columns = this.#columns.get(name);
    const mean = columns?.series(KEY, Math.max(0, columns.lastStep - 1), columns.lastStep, 2).values.value
      ?.mean;
    return mean?.at(-1) ?? undefined;
  }

  get bytes(): number {
    return [...this.#columns.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }
}
