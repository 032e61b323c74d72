import { conv } from './kernels/conv.js';
import { elementwise } from './kernels/elementwise.js';
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

/** A kernel for every operation, by name: the oracle of every test, and what a fast backend falls back to. */
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
