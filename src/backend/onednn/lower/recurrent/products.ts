import { CELLS } from '../../../../ops/sequence/recurrent.js';
import type { Region } from '../../../plan/region.js';
import { GATE_PRODUCTS, type GateProduct } from '../../../simd/recurrent/cells.js';
import { ROWS, type Sequence } from '../../../simd/recurrent/recurrent.js';
import { Alg, Arg, type Handle, type Md, type PostOp, Prop, Query } from '../../api/dnnl.js';
import type { OneDnnBuilder } from '../../builder.js';

/** A product of each position: primitives for a whole piece and for the rest. */
export interface Product {
  readonly pds: readonly Handle[];
  readonly weights: Md;
  /** Columns of the input and of the result. */
  readonly columns: readonly [from: number, to: number];
  /** The first row of the weights that it reads. */
  readonly row: number;
}

/** A kind of product, before the library has made primitives for it. */
interface Wanted extends Pick<Product, 'columns' | 'row'> {
  readonly postOps: PostOp[];
  readonly bias: boolean;
}

const ACTIVATIONS = { sigmoid: Alg.logistic, tanh: Alg.tanh } as const;
const SUM: PostOp = { kind: 'sum', scale: 1 };

/** What a product does with its result. */
const postOpsOf = ({ activation }: GateProduct): PostOp[] =>
  activation ? [{ kind: 'eltwise', alg: ACTIVATIONS[activation], alpha: 0, beta: 0 }] : [];

/** The products with the state before, which are added to the inputs; backward, with the gradients of the gates. */
export function stateProducts({ cell, size }: Sequence, forward: boolean): Wanted[] {
  if (!forward)
    return [
      {
        columns: [CELLS[cell].gates * size, size],
        row: 0,
        postOps: cell === 'gru' ? [SUM] : [],
        bias: false,
      },
    ];
  return GATE_PRODUCTS[cell].map((product) => ({
    columns: [size, product.gates * size],
    row: product.from * size,
    postOps: [SUM, ...postOpsOf(product)],
    bias: false,
  }));
}

/** The products with the input of a layer and the state before, in one row for each example. */
export const joinedProducts = ({ cell, size }: Sequence, features: number, bias: boolean): Wanted[] =>
  GATE_PRODUCTS[cell].map((product) => ({
    columns: [features + size, product.gates * size],
    row: product.from * size,
    postOps: postOpsOf(product),
    bias,
  }));

/** Numbers of examples of a layer's pieces: of a whole one, and of the rest. */
function sizesOf({ count }: Sequence): number[] {
  const rest = count % ROWS;
  return [...(count >= ROWS ? [ROWS] : []), ...(rest > 0 ? [rest] : [])];
}

/** Primitives that one thread computes for each position of a piece; undefined if the library has no fast ones. */
export function primitivesOf(
  b: OneDnnBuilder,
  layer: Sequence,
  wanted: readonly Wanted[],
): Product[] | undefined {
  const d = b.dnnl;
  const counts = sizesOf(layer);
  return b.threads.with(1, () => {
    const products = wanted.map(({ columns, row, postOps, bias }): Product => {
      const [from, to] = columns;
      let weights: Md | undefined;
      const pds = counts.map((n) => {
        const asked = weights ?? d.any([to, from]);
        const [src, dst] = [d.plain([n, from]), d.plain([n, to])];
        const added = bias ? d.plain([to]) : null;
        const pd = d.innerProductForward(Prop.forwardInference, src, asked, added, dst, postOps);
        weights ??= d.query(pd, Query.weights)!;
        return pd;
      });
      return { pds, weights: weights!, columns, row };
    });
    const isFast = (pd: Handle): boolean => d.implementation(pd).startsWith('brgemm');
    return products.every(({ pds }) => pds.every(isFast)) ? products : undefined;
  });
}

/** The hyperbolic tangents of one number for each unit: four times as many at once as in a vector kernel. */
export function tanhOf(b: OneDnnBuilder, layer: Sequence): Pick<Product, 'pds'> {
  const d = b.dnnl;
  const pds = b.threads.with(1, () =>
    sizesOf(layer).map((rows) => d.eltwiseForward(Alg.tanh, d.plain([rows, layer.size]), 0, 0)),
  );
  return { pds };
}

/**
 * A copy of the weights in the layout of the product, which reads them transposed in the backward pass.
 * @param w the weights, row-major
 */
export function packWeights(
  b: OneDnnBuilder,
  i: number,
  w: Region,
  { weights, columns: [from, to], row }: Product,
  forward: boolean,
): Region {
  const packed = b.region(b.dnnl.bytes(weights));
  const view = b.dnnl.plain([to, from], 'float32', forward ? [from, 1] : [1, to]);
  b.emitPrimitive(
    i,
    b.reorder(view, weights),
    [
      [Arg.src, { md: view, region: w, offset: 4 * row * from }],
      [Arg.dst, { md: weights, region: packed }],
    ],
    'reorder',
  );
  return packed;
}

/** Matrices with equally many rows, side by side. */
export function joinColumns(b: OneDnnBuilder, i: number, parts: readonly number[]): Region {
  const [rows] = b.node(parts[0]!).shape as [number, number];
  const widths = parts.map((part) => b.node(part).shape[1]!);
  const width = widths.reduce((sum, own) => sum + own, 0);
  const region = b.region(4 * rows * width);
  let at = 0;
  for (const [k, part] of parts.entries()) {
    const form = b.plainForm(part);
    const md = b.dnnl.plain([rows, widths[k]!], 'float32', [width, 1]);
    b.emitPrimitive(
      i,
      b.reorder(form.md, md),
      [
        [Arg.src, form],
        [Arg.dst, { md, region, offset: 4 * at }],
      ],
      'copy',
    );
    at += widths[k]!;
  }
  return region;
}
