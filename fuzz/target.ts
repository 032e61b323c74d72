import type { Generator } from '../src/random.js';

/** What an input is, which decides how it is changed. */
export type Format = 'bytes' | 'json' | 'lines';

/** A way into the code from outside, and what must hold there whatever comes. */
export interface Target {
  readonly name: string;
  readonly format: Format;
  /** Valid inputs, to start from. */
  readonly seeds: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Words of the format, which random changes would take long to find. */
  readonly words?: readonly (string | Uint8Array)[];
  /** Another input from one that there is, in the format's own terms: a lying length, a checksum that is right again. */
  readonly reshape?: (input: Uint8Array, random: Generator) => Uint8Array;
  /**
   * Reads an input. A {@link PaperweightError} says that it is refused. Any other error is a failure, and so is a
   * {@link Broken} property of what was read.
   *
   * @returns a few words about what the input was, so that inputs of a new kind are kept
   */
  readonly run: (input: Uint8Array) => string | Promise<string>;
  /** The longest input in bytes; 4096 unless given. */
  readonly most?: number;
  /** Inputs at a time, where the work is done by other threads; 1 unless given. */
  readonly parallel?: number;
  readonly close?: () => Promise<void> | void;
}

/** Something that must hold for an input that was read does not. */
export class Broken extends Error {}

/** @throws Broken unless it holds */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Broken(what);
}
