import { DeviceError } from '../errors/errors.js';
import type { GraphNode } from '../graph/graph.js';
import { dtypeOf, type Spec, sameShape, showShape, sizeOf, type TypedArray } from '../graph/types.js';
import { isNumber } from './plan/numbers/varying.js';

/** Checks the number of feeds or storages of a run. */
export function checkNumberOf(what: string, expected: number, got: number): void {
  if (expected === got) return;
  throw new DeviceError({
    what: `A run was called with the wrong number of ${what}`,
    expected: `${expected}`,
    got: `${got}`,
  });
}

/** Checks that values have the type and number of elements that they are meant for. */
export function checkFits(what: string, { shape, dtype }: Spec, data: TypedArray): void {
  if (data.length === sizeOf(shape) && dtypeOf(data) === dtype) return;
  throw new DeviceError({
    what: `${what} does not fit`,
    expected: `${sizeOf(shape)} values of ${dtype}, for ${showShape(shape)}`,
    got: `${data.length} of ${dtypeOf(data)}`,
  });
}

/** Checks the values for a leaf: those of its type, and a float64 for a number. */
export function checkFeed(what: string, leaf: GraphNode, data: TypedArray): void {
  checkFits(what, isNumber(leaf) ? { shape: leaf.shape, dtype: 'float64' } : leaf, data);
}

/** Checks that a storage has the type and shape of the leaf that it is bound to. */
export function checkStorage(id: number, expected: Spec, { shape, dtype }: Spec): void {
  if (dtype === expected.dtype && sameShape(shape, expected.shape)) return;
  throw new DeviceError({
    what: `Storage ${id} does not fit`,
    expected: `${expected.dtype} of shape ${showShape(expected.shape)}`,
    got: `${dtype} of shape ${showShape(shape)}`,
  });
}
