import { sizeOf } from '../../../graph/types.js';
import type { Cluster } from '../../plan/fusion.js';
import { alongOf, logSoftmax, softmax } from '../../simd/norm/softmax.js';
import { Arg } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import { same } from '../forms.js';
import { correctWhere } from './correct/correction.js';
import { emitLargest } from './correct/largest.js';
import { overwrite } from './elementwise.js';
import { emitInto } from './emit.js';
import { emitVectors } from './vectors.js';

/**
 * Where an element of a row is NaN or ∞, the library's result is NaN there and 0 in the rest of the row, all of which is
 * NaN: then the reference engine's kernel computes it.
 */
export function lowerSoftmax(b: OneDnnBuilder, i: number): boolean {
  const { inputs, attrs, shape } = b.node(i);
  // Values of more than 12 dimensions are one vector for the library.
  if (shape.includes(0) || shape.length > 12) return false;
  const along = alongOf(shape, attrs.axis as number);
  if (sizeOf(shape) < SMALL && emitVectors(b, i, (pool) => softmax(pool, along))) return true;
  const src = b.plainForm(inputs[0]!);
  const pd = b.dnnl.softmaxForward(src.md, attrs.axis as number);
  emitInto(b, i, pd, src, [[Arg.src, src]]);
  const out = b.value(i).forms[0]!;
  const largest = emitLargest(b, i, out);
  correctWhere(b, i, [src], out, () => Number.isNaN(largest.value));
  return true;
}

/** Below this many elements a vector kernel costs less than the primitive and the look at its results. */
const SMALL = 2 ** 12;

/** The library's logarithm of 1 is 1.4e-6: ours is exact, so a probability of 1 has the logarithm 0. */
export const lowerLogSoftmax = (b: OneDnnBuilder, i: number): boolean =>
  emitVectors(b, i, (pool) => logSoftmax(pool, alongOf(b.node(i).shape, b.node(i).attrs.axis as number)));

/** Nodes of softmax's gradient: w = dy · y, s = Σ w, p = y · s and w − p, of which the last is the result. */
interface Gradient {
  readonly y: number;
  readonly dy: number;
  readonly nodes: readonly [sum: number, product: number, result: number];
}

/** The gradient of softmax that begins with a cluster of one product; one primitive computes all of it. */
export function lowerSoftmaxGrad(b: OneDnnBuilder, { nodes }: Cluster): boolean {
  const [weighted, ...others] = nodes as readonly [number, ...number[]];
  const found = others.length === 0 ? gradientFrom(b, weighted) : undefined;
  if (!found) return false;
  const { y, dy } = found;
  const { shape, attrs } = b.node(y);
  if (shape.includes(0) || shape.length > 12) return false;
  const result = b.plainForm(y);
  const grad = b.form(dy, result.dims, result.md);
  const out = overwrite(b, dy, grad);
  b.emitPrimitive(
    weighted,
    b.dnnl.softmaxBackward(result.md, attrs.axis as number),
    [
      [Arg.dst, result],
      [Arg.diffDst, grad],
      [Arg.diffSrc, out],
    ],
    'softmaxGrad',
  );
  for (const node of found.nodes) b.done.add(node);
  b.define(found.nodes[2], out);
  return true;
}

function gradientFrom(b: OneDnnBuilder, weighted: number): Gradient | undefined {
  const { op, inputs } = b.node(weighted);
  if (op !== 'mul' || b.wanted.has(weighted)) return undefined;
  const y = inputs.find((input) => b.node(input).op === 'softmax');
  const dy = inputs.find((input) => input !== y);
  const [first, second, ...more] = b.users[weighted]!;
  if (y === undefined || dy === undefined || second === undefined || more.length > 0) return undefined;
  const [sum, result] = b.node(first!).op === 'sum' ? [first!, second] : [second, first!];
  const { attrs } = b.node(sum);
  const axis = b.node(y).attrs.axis as number;
  if (b.node(sum).op !== 'sum' || attrs.keepDims !== true || String(attrs.axes) !== String(axis))
    return undefined;
  const product = onlyReader(b, sum);
  if (product === undefined || onlyReader(b, product) !== result) return undefined;
  // With further nodes in their cluster, a vector kernel computes all of them.
  if (!same(b.clusters.get(result)?.nodes ?? [], [product, result])) return undefined;
  const { op: multiplies, inputs: factors } = b.node(product);
  const { op: subtracts, inputs: terms } = b.node(result);
  const fits =
    multiplies === 'mul' &&
    factors.includes(y) &&
    factors.includes(sum) &&
    subtracts === 'sub' &&
    terms[0] === weighted &&
    terms[1] === product;
  // The shapes of all are those of y: dy does not broadcast.
  return fits && same(b.node(dy).shape, b.node(y).shape)
    ? { y, dy, nodes: [sum, product, result] }
    : undefined;
}

function onlyReader(b: OneDnnBuilder, i: number): number | undefined {
  const [only, ...others] = b.users[i]!;
  return others.length === 0 && !b.wanted.has(i) ? only : undefined;
}
