import type { World } from '../distributed/index.js';
import { Control, type ControlOptions } from '../run/control.js';
import { RankTime } from './rank-time.js';
import type { Measured } from './reporter.js';

/** Requests to stop or pause a run, and other conditions of single ranks, as all ranks of the run agree on them. */
export class SharedControl {
  readonly #control: Control;
  readonly #world: World | undefined;
  readonly #time = new RankTime();
  /** Some rank was told to stop. */
  #stopping = false;
  #team: Measured['team'];

  /** @param world several ranks that train together; undefined for a run on its own */
  constructor(options: ControlOptions, world: World | undefined) {
    this.#control = new Control(options);
    this.#world = world;
  }

  /** Whether this process reads and writes the run's folder. */
  get first(): boolean {
    return this.#world?.first ?? true;
  }

  /** Whether several ranks train together. */
  get shared(): boolean {
    return this.#world !== undefined;
  }

  /** Aborted when this rank is told to stop. */
  get signal(): AbortSignal {
    return this.#control.signal;
  }

  /** Whether the run ends after this step; the same on all ranks. */
  get stopping(): boolean {
    return this.#world ? this.#stopping : this.signal.aborted;
  }

  /** Figures of the ranks between their last two exchanges; undefined for a run on its own. */
  get team(): Measured['team'] {
    return this.#team;
  }

  /** Checks for a new request. */
  poll(): void {
    if (this.first) this.#control.poll();
  }

  /**
   * Checks for new requests after a step.
   * @param overdue whether this rank has to save a checkpoint
   * @returns whether any rank has to save one, and whether the run was told to pause; the same on all ranks
   */
  async afterStep(overdue: boolean): Promise<{ overdue: boolean; pausing: boolean }> {
    this.poll();
    const all = await this.#anywhere({
      overdue,
      pausing: this.#control.paused,
      stopping: this.signal.aborted,
    });
    this.#stopping ||= all.stopping;
    return all;
  }

  /** Waits while the run is paused. @param step number of completed steps */
  async pause(step: number): Promise<void> {
    const turn = async (paused: boolean): Promise<boolean> => {
      const all = await this.#anywhere({ paused, stopping: this.signal.aborted });
      this.#stopping = all.stopping;
      return all.paused && !all.stopping;
    };
    if (this.first) await this.#control.wait(step, this.#world ? turn : undefined);
    else while (await turn(false));
  }

  /** For each flag, whether it is set on any rank; the result is the same on all ranks. */
  async #anywhere<Name extends string>(own: Record<Name, boolean>): Promise<Record<Name, boolean>> {
    const world = this.#world;
    if (!world) return own;
    const names = Object.keys(own) as Name[];
    const all = await world.gather([...names.map((name) => Number(own[name])), ...this.#time.shares(world)]);
    const waits = all.map((values) => values[names.length]!);
    const exchanges = all.map((values) => values[names.length + 1]!);
    const mean = (shares: readonly number[]) => shares.reduce((a, b) => a + b, 0) / shares.length;
    this.#team = {
      ranks: world.size,
      waitShare: mean(waits),
      exchangeShare: mean(exchanges),
      slowestRank: waits.indexOf(Math.min(...waits)),
    };
    return Object.fromEntries(names.map((name, i) => [name, all.some((flags) => flags[i] !== 0)])) as Record<
      Name,
      boolean
    >;
  }
}
