import type { Narrow } from './exact.js';
import { generate } from './generate.js';
import { KINDS } from './kinds/index.js';
import type { Program } from './program.js';
import { shapeOf, THEMES, type Theme } from './shapes.js';

/** Sources of programs: random graphs, or single layers with awkward sizes. */
export const SOURCES = ['graphs', ...THEMES] as const;
export type Source = (typeof SOURCES)[number];

/** In every other round the programs begin with each kind in turn, so that a short run contains every operation. */
const wantedKind = (number: number): string | undefined => KINDS[number % (2 * KINDS.length)]?.name;

/** The program with this number; it depends only on seed and number. */
export function programOf(source: Source, seed: number, number: number, narrow: Narrow | undefined): Program {
  if (source !== 'graphs') return shapeOf(source as Theme, seed, number);
  const kind = wantedKind(number);
  return generate(seed, number, { narrow, ...(kind ? { kind } : {}) });
}
