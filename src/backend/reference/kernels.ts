import { conv } from './kernels/conv.js';
import { elementwise } from './kernels/elementwise.js';
import { kernelFromFormula } from './kernels/formula.js';
import { image } from './kernels/image.js';
import type { Kernel } from './kernels/kernel.js';
import { loss } from './kernels/loss.js';
import { matrix } from './kernels/matmul.js';
import { norm } from './kernels/norm.js';
import { pool } from './kernels/pool.js';
import { random } from './kernels/random.js';
import { reduce } from './kernels/reduce.js';
import { select } from './kernels/select.js';
import { shape } from './kernels/shape.js';

export type { Kernel, KernelCall } from './kernels/kernel.js';

/** Loops written for an operation, by its name. */
export const kernels: Readonly<Record<string, Kernel>> = {
  ...elementwise,
  ...reduce,
  ...shape,
  ...select,
  ...matrix,
  ...conv,
  ...pool,
  ...norm,
  ...loss,
  ...image,
  ...random,
};

const made = new Map<string, Kernel | undefined>();

/**
 * The kernel of an operation: the oracle of every test, and what a fast engine falls back to. It is a loop written for
 * it, else one made from its formula; undefined if it has neither.
 */
export function kernelOf(op: string): Kernel | undefined {
  if (Object.hasOwn(kernels, op)) return kernels[op];
  if (!made.has(op)) made.set(op, kernelFromFormula(op));
  return made.get(op);
}
