import type { Generator } from '../src/random.js';

/** Format of inputs, which determines how they are mutated. */
export type Format = 'bytes' | 'json' | 'lines';

/** A function that reads untrusted input, and the properties that must hold for any input. */
export interface Target {
  readonly name: string;
  readonly format: Format;
  /** Valid inputs to start from. */
  readonly seeds: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Keywords of the format, which random changes would hardly find. */
  readonly words?: readonly (string | Uint8Array)[];
  /** Mutates an input with knowledge of its format: for example a wrong length, or a corrected checksum. */
  readonly reshape?: (input: Uint8Array, random: Generator) => Uint8Array;
  /**
   * Reads an input. A {@link PaperweightError} means that the input is rejected. Any other error is a failure, as is a
   * {@link Broken} property of the result.
   *
   * @returns a short description of the input, so that inputs of a new kind are kept
   */
  readonly run: (input: Uint8Array) => string | Promise<string>;
  /** Maximum length of inputs in bytes; 4096 by default. */
  readonly most?: number;
  /** Inputs read in parallel, for targets that use other threads; 1 by default. */
  readonly parallel?: number;
  readonly close?: () => Promise<void> | void;
}

/** A property that must hold for an accepted input is violated. */
export class Broken extends Error {}

/** @throws Broken unless the property holds */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Broken(what);
}
