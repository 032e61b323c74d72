import { generate } from './generate.js';
import { KINDS } from './kinds/index.js';
import type { Program } from './program.js';
import { shapeOf, THEMES, type Theme } from './shapes.js';

/** Where programs come from: random graphs, or single layers of odd sizes. */
export const SOURCES = ['graphs', ...THEMES] as const;
export type Source = (typeof SOURCES)[number];

/** In every other round the programs begin with each kind in turn, so that few of them contain every operation. */
const wantedKind = (number: number): string | undefined => KINDS[number % (2 * KINDS.length)]?.name;

/** The program with this number: the same one for the same seed. */
export function programOf(source: Source, seed: number, number: number, bfloat16: boolean): Program {
  if (source !== 'graphs') return shapeOf(source as Theme, seed, number);
  const kind = wantedKind(number);
  return generate(seed, number, { bfloat16, ...(kind ? { kind } : {}) });
}
