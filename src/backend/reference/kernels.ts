import { operationNameOf, splitNumbers } from '../plan/numbers/varying.js';
import { communicate } from './kernels/communicate.js';
import { conv } from './kernels/conv.js';
import { elementwise } from './kernels/elementwise.js';
import { kernelFromFormula } from './kernels/formula.js';
import { image } from './kernels/image.js';
import { integers } from './kernels/integers.js';
import type { Kernel } from './kernels/kernel.js';
import { layerNorm } from './kernels/layer-norm.js';
import { loss } from './kernels/loss.js';
import { matrix } from './kernels/matmul.js';
import { norm } from './kernels/norm.js';
import { order } from './kernels/order.js';
import { pool } from './kernels/pool.js';
import { random } from './kernels/random.js';
import { recurrent } from './kernels/recurrent.js';
import { reduce } from './kernels/reduce.js';
import { select, usedRows } from './kernels/select.js';
import { shape } from './kernels/shape.js';

export type { Kernel, KernelCall } from './kernels/kernel.js';

/** Hand-written kernels, by operation. */
export const kernels: Readonly<Record<string, Kernel>> = {
  ...elementwise,
  ...reduce,
  ...shape,
  ...select,
  ...order,
  ...integers,
  ...matrix,
  ...recurrent,
  ...conv,
  ...pool,
  ...norm,
  ...layerNorm,
  ...loss,
  ...image,
  ...random,
  ...communicate,
};

/** Kernels of operations that exist only in plans. */
const ofPlans: Readonly<Record<string, Kernel>> = { usedRows };

const made = new Map<string, Kernel | undefined>();

/**
 * The kernel of an operation: hand-written, or generated from the operation's formula; undefined if it has neither. Tests
 * compare other engines with it, and fast engines use it for operations that they do not implement.
 */
export function kernelOf(op: string): Kernel | undefined {
  for (const known of [kernels, ofPlans]) if (Object.hasOwn(known, op)) return known[op];
  if (!made.has(op)) made.set(op, kernelWithNumbers(op) ?? kernelFromFormula(op));
  return made.get(op);
}

/** The kernel of an operation that takes numbers as inputs; undefined for others. */
function kernelWithNumbers(op: string): Kernel | undefined {
  const name = operationNameOf(op);
  const kernel = name === op ? undefined : kernelOf(name);
  if (!kernel) return undefined;
  return ({ inputs, specs, attrs, ...call }) => {
    const { inputs: own, numbers, rest } = splitNumbers(inputs, attrs);
    const values = Object.fromEntries(Object.entries(numbers).map(([key, [value]]) => [key, value!]));
    kernel({ ...call, inputs: own, specs: specs.slice(0, own.length), attrs: { ...rest, ...values } });
  };
}
