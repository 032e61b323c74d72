import type { MatmulAttrs } from '../../../ops/matmul.js';
import { Arg } from '../api/dnnl.js';
import type { OneDnnBuilder } from '../builder.js';
import { emitInto, type Operand } from './emit.js';

/** A single matrix product calls the library's sgemm; a batch of products is one primitive, which uses all threads. */
export function lowerMatmul(b: OneDnnBuilder, i: number): boolean {
  const node = b.node(i);
  const [x, y] = node.inputs as [number, number];
  const { transposeA, transposeB } = node.attrs as MatmulAttrs;
  if (node.shape.length === 3 && node.shape[0]! > 1)
    return lowerBatch(b, i, [factor(b, x, transposeA), factor(b, y, transposeB)]);
  const [m, n] = node.shape.slice(-2) as [number, number];
  const k = b.node(x).shape.at(transposeA ? -2 : -1)!;
  const batch = node.shape.length === 3 ? node.shape[0]! : 1;
  return emitGemm(b, i, {
    batch,
    m,
    n,
    k,
    transposeA,
    transposeB,
    aStride: m * k,
    bStride: k * n,
    sources: [x, y],
  });
}

/** One matrix times each matrix of a batch. */
export function lowerLeftMatmul(b: OneDnnBuilder, i: number): boolean {
  const node = b.node(i);
  const [left, x] = node.inputs as [number, number];
  const [batch, m, n] = node.shape as [number, number, number];
  const k = b.node(left).shape[1]!;
  if (batch > 1) return lowerBatch(b, i, [factor(b, left, false), factor(b, x, false)]);
  return emitGemm(b, i, {
    batch,
    m,
    n,
    k,
    transposeA: false,
    transposeB: false,
    aStride: 0,
    bStride: k * n,
    sources: [left, x],
  });
}

/** An operand of a batch of products in its memory layout; a single matrix is used for the whole batch. */
function factor(
  b: OneDnnBuilder,
  node: number,
  transposed: boolean,
): Operand[1] & { readonly empty: boolean } {
  const { shape } = b.node(node);
  const { region } = b.plainForm(node);
  const dims = shape.length === 2 ? [1, ...shape] : shape;
  const [batch, rows, columns] = dims as [number, number, number];
  const md = transposed
    ? b.dnnl.plain([batch, columns, rows], 'float32', [rows * columns, 1, columns])
    : b.dnnl.plain(dims);
  return { md, region, empty: dims.includes(0) };
}

function lowerBatch(
  b: OneDnnBuilder,
  i: number,
  [left, right]: readonly [ReturnType<typeof factor>, ReturnType<typeof factor>],
): boolean {
  // The library rejects an empty sum.
  if (left.empty || right.empty) return false;
  const { shape } = b.node(i);
  const result = { dims: shape, md: b.dnnl.plain(shape) };
  return emitInto(b, i, b.dnnl.matmul(left.md, right.md, result.md), result, [
    [Arg.src, left],
    [Arg.weights, right],
  ]);
}

interface Gemm {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly aStride: number;
  readonly bStride: number;
  readonly sources: readonly [number, number];
}

function emitGemm(b: OneDnnBuilder, i: number, g: Gemm): boolean {
  // The library rejects an empty sum.
  if (g.k === 0) return false;
  const node = b.node(i);
  const [left, right] = g.sources.map((s) => b.plainForm(s)) as [
    ReturnType<OneDnnBuilder['plainForm']>,
    ReturnType<OneDnnBuilder['plainForm']>,
  ];
  const out = b.newForm(node.shape, b.plainMd(node.shape, 'float32'));
  const { batch, m, n, k, transposeA, transposeB } = g;
  b.emit({
    op: node.op,
    scope: node.scope,
    kernel: 'sgemm',
    macs: batch * m * n * k,
    touches: [left.region, right.region, out.region],
    writes: false,
    script: (at) => {
      const [pa, pb, pc] = [at(left.region), at(right.region), at(out.region)];
      return () => {
        for (let p = 0; p < batch; p++)
          b.dnnl.sgemm(
            transposeA,
            transposeB,
            m,
            n,
            k,
            pa + 4 * p * g.aStride,
            pb + 4 * p * g.bStride,
            pc + 4 * p * m * n,
          );
      };
    },
  });
  b.define(i, out);
  return true;
}
