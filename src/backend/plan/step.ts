import type { Region } from './region.js';

/** One step of a plan, without addresses. */
export interface PlanStep {
  /** The node that it computes, or for which it prepares an input. */
  readonly node: number;
  readonly op: string;
  readonly scope: string;
  readonly kernel: string;
  readonly macs: number;
  /** The step fills a copy of this storage, and is skipped until the storage changes. */
  readonly packs?: number;
  readonly touches: readonly Region[];
  /** Whether it writes a storage. */
  readonly writes: boolean;
}

/** A step of an engine, with the engine's own work W, before it belongs to a node. */
export type NewStep<W> = Omit<PlanStep, 'node'> & W;

/** Given addresses, returns the function to run. */
export type Bind = (at: (region: Region) => number) => () => void;
