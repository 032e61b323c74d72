import type { Kind } from '../program.js';
import { arrange } from './arrange.js';
import { communicate } from './communicate.js';
import { elementwise } from './elementwise.js';
import { image } from './image.js';
import { integers } from './integers.js';
import { layers } from './layers.js';
import { matrix } from './matrix.js';
import { select } from './select.js';
import { sequence } from './sequence.js';
import { shape } from './shape.js';

/** All kinds of statements. Add an entry for a new operation: tests fail for an operation that no program contains. */
export const KINDS: readonly Kind[] = [
  ...elementwise,
  ...shape,
  ...integers,
  ...matrix,
  ...image,
  ...select,
  ...arrange,
  ...communicate,
  ...sequence,
  ...layers,
];

const byName = new Map(KINDS.map((kind) => [kind.name, kind]));
export function kindOf(name: string): Kind {
  const kind = byName.get(name);
  if (!kind) throw new Error(`there is no kind of statement named ${name}`);
  return kind;
}
