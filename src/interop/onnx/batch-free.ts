import { UsageError } from '../../errors/errors.js';
import type { Node } from '../../graph/node.js';
import {
  type AttrValue,
  type Shape,
  sameShape,
  showShape,
  sizeOf,
  type TypedArray,
} from '../../graph/types.js';
import { isLeaf } from './constants.js';

/*
 * An exported graph accepts any batch size, although it was traced with one: sizes that the traced one divides grow with
 * the batch. A second trace with another size shows what else depends on it.
 */

/** A shape with 1 for the sizes that grow with the batch. */
export const onceOf = (shape: Shape, batch: number): Shape =>
  shape.map((size) => (size > 0 && size % batch === 0 ? 1 : size));

/** Calls `visit` for each element of `shape` with its place in `once`, and whether it is the first one at that place. */
function eachPlace(shape: Shape, once: Shape, visit: (place: number, first: boolean) => boolean): boolean {
  const steps = once.map((size, i) => (size === shape[i] ? sizeOf(once.slice(i + 1)) : 0));
  const at = shape.map(() => 0);
  let place = 0;
  for (let left = sizeOf(shape); left > 0; left--) {
    if (
      !visit(
        place,
        at.every((index, i) => index === 0 || once[i] === shape[i]),
      )
    )
      return false;
    for (let d = shape.length - 1; d >= 0; d--) {
      place += steps[d]!;
      if (++at[d]! < shape[d]!) break;
      place -= steps[d]! * shape[d]!;
      at[d] = 0;
    }
  }
  return true;
}

/** The values that are repeated along the sizes that grow; undefined if they differ from image to image. */
export function repeated(data: TypedArray, shape: Shape, once: Shape): TypedArray | undefined {
  const values = data.slice(0, sizeOf(once));
  let i = 0;
  const same = eachPlace(shape, once, (place, first) => {
    const value = data[i++]!;
    if (first) values[place] = value;
    return Object.is(values[place], value);
  });
  return same ? values : undefined;
}

/** A graph and the batch size with which it was traced. */
export interface Trace {
  readonly nodes: readonly Node[];
  /** Those that compute: see {@link workIn}. */
  readonly work: readonly Node[];
  readonly results: readonly Node[];
  readonly batch: number;
}

/** @throws UsageError if two traces differ in more than sizes that grow with the batch */
export function checkBatchFree(first: Trace, second: Trace): void {
  if (first.nodes.length !== second.nodes.length) throw depends('The network', 'other operations');
  for (const [i, node] of first.nodes.entries()) {
    const other = second.nodes[i]!;
    if (node === other) continue;
    const name = `${node.op}${node.scope ? ` in ${node.scope}` : ''}`;
    if (node.op !== other.op) throw depends(name, `${other.op} instead`);
    for (const [key, value] of Object.entries(node.attrs)) {
      const changed = other.attrs[key]!;
      if (!alike(value, changed, first.batch, second.batch))
        throw depends(
          name,
          `${key} ${show(value)} for ${first.batch} images, ${show(changed)} for ${second.batch}`,
        );
    }
    if (!sameConstant(node, first.batch, other, second.batch))
      throw depends(`A constant ${showShape(node.shape)}`, 'other values');
  }
}

/** Operations that are left out where they would change nothing, such as repeating one image for a batch of one. */
const MOVES: readonly string[] = ['reshape', 'broadcastTo', 'permute', 'slice', 'concat'];

/** The nodes of a graph that compute values, and do not only move them. */
export const workIn = (nodes: readonly Node[]): Node[] =>
  nodes.filter((node) => !isLeaf(node) && !MOVES.includes(node.op));

/**
 * Compares what two traces compute, for batches so small that sizes have other meanings: a dimension of 1 is not a batch.
 *
 * @throws UsageError if the other one computes something else
 */
export function checkSameWork(first: Trace, second: Trace): void {
  const [work, otherWork] = [first.work, second.work];
  const differs = work.findIndex(
    (node, i) => node.op !== otherWork[i]?.op || !sameAttrs(node, otherWork[i]!),
  );
  // Squeezing a batch of one leaves out a dimension, which changes no values.
  const plain = (shape: Shape): Shape => shape.filter((size) => size !== 1);
  const grown = (shape: Shape): Shape =>
    shape.map((size) => (size % first.batch === 0 ? (size / first.batch) * second.batch : size));
  const shapes =
    first.results.length === second.results.length &&
    first.results.every(({ shape }, i) => sameShape(plain(grown(shape)), plain(second.results[i]!.shape)));
  if (differs < 0 && work.length === otherWork.length && shapes) return;
  throw depends(
    'The network',
    shapes
      ? `${workOf(work[differs])} for ${first.batch} images, ${workOf(otherWork[differs < 0 ? work.length : differs])} for ${second.batch}`
      : `results ${first.results.map(({ shape }) => showShape(shape)).join(', ')} for ${first.batch} images, ${second.results.map(({ shape }) => showShape(shape)).join(', ')} for ${second.batch}`,
  );

  function sameAttrs({ attrs }: Node, other: Node): boolean {
    return Object.entries(attrs).every(([key, value]) =>
      alike(value, other.attrs[key]!, first.batch, second.batch),
    );
  }
}

const workOf = (node: Node | undefined): string =>
  node
    ? [node.op, ...Object.entries(node.attrs).map(([key, value]) => `${key} ${show(value)}`)].join(' ')
    : 'nothing more';

const show = (value: AttrValue): string => (Array.isArray(value) ? showShape(value) : String(value));

function alike(a: AttrValue, b: AttrValue, batch: number, otherBatch: number): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b);
  const grows = (x: number, y: number): boolean => x % batch === 0 && x / batch === y / otherBatch;
  return a.length === b.length && a.every((x, i) => x === b[i] || grows(x, b[i] as number));
}

function sameConstant(a: Node, batch: number, b: Node, otherBatch: number): boolean {
  const [x, y] = [a, b].map(({ source }) => (source?.kind === 'host' ? source.data : undefined));
  if (!x || !y || x.length === 0) return true;
  const [once, twice] = [onceOf(a.shape, batch), onceOf(b.shape, otherBatch)];
  const [u, v] = [repeated(x, a.shape, once), repeated(y, b.shape, twice)];
  // The rule of its operation has dealt with positions and flags that differ from image to image.
  if (!u || !v) return true;
  return u.length === v.length && u.every((value, i) => Object.is(value, v[i]));
}

const depends = (what: string, got: string): UsageError =>
  new UsageError({
    what: `${what} depends on the number of images, so it cannot be exported to ONNX`,
    expected: 'the same operations, numbers and constants for a batch of any size',
    got,
    next: 'compute with the sizes of one image, not with shape[0], and without random numbers',
  });
