import type { Shape } from '../../../graph/types.js';
import type { MatmulAttrs } from '../../../ops/matmul.js';
import { gemm } from '../../simd/gemm/gemm.js';
import type { Product, Strides } from '../../simd/gemm/product.js';
import type { WasmBuilder } from '../builder.js';
import { stridedProductOf } from '../products.js';
import { extraOfMatrix, extraOfSameShape, withEpilogue } from './epilogue.js';
import { emitOperation, emitPrepared } from './operation.js';

/** Strides of a row-major matrix with this number of columns, or of a batch of such matrices. */
const dense = (columns: number, batch?: Strides['batch']): Strides => ({
  row: columns,
  column: 1,
  ...(batch && { batch }),
});
const transposed = ({ row, column, ...rest }: Strides): Strides => ({ row: column, column: row, ...rest });

/** Larger weights are packed anew in each run, since keeping them would take too much memory. */
const MOST_KEPT_BYTES = 2 ** 22;

/** @param inputs the two matrices, and a bias for each column if there is one */
function emitProduct(
  b: WasmBuilder,
  i: number,
  inputs: readonly number[],
  product: Product,
  extraOf = extraOfMatrix,
): boolean {
  const [left, right, bias] = inputs as [number, number, number | undefined];
  const { nodes, epilogue, extras } = withEpilogue(
    b,
    i,
    extraOf,
    bias === undefined ? undefined : [bias, 'column'],
  );
  const stays = (input: number): boolean =>
    b.isConstant(b.regionOf(input)) && b.bytesOf(input) <= MOST_KEPT_BYTES;
  const constant = stays(right) ? 'b' : stays(left) ? 'a' : undefined;
  const operation = gemm(b.pool, { ...product, ...epilogue, ...(constant && { constant }) });
  const result = b.placeApart(nodes.at(-1)!, nodes);
  const operands = [b.regionOf(left), b.regionOf(right), result, ...extras];
  (constant ? emitPrepared : emitOperation)(b, nodes, operation, operands, result);
  return true;
}

/** The last two dimensions, and the size of the first if there are three. */
function matrixOf(shape: Shape): { rows: number; columns: number; strides: Strides } {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return { rows, columns, strides: dense(columns, shape.length === 3 ? [0, rows * columns] : undefined) };
}

export function lowerMatmul(b: WasmBuilder, i: number): boolean {
  const { inputs, attrs, shape } = b.node(i);
  const { transposeA, transposeB } = attrs as MatmulAttrs;
  const [x, y] = inputs.map((input) => matrixOf(b.node(input).shape)) as [
    ReturnType<typeof matrixOf>,
    ReturnType<typeof matrixOf>,
  ];
  const [m, n] = shape.slice(-2) as [number, number];
  return emitProduct(b, i, inputs, {
    m,
    n,
    k: transposeA ? x.rows : x.columns,
    a: transposeA ? transposed(x.strides) : x.strides,
    b: transposeB ? transposed(y.strides) : y.strides,
    c: matrixOf(shape).strides,
    ...(shape.length === 3 ? { batch: [1, shape[0]!] as const } : {}),
  });
}

/** A product that `readInPlace` has made. */
export function lowerStridedMatmul(b: WasmBuilder, i: number): boolean {
  const node = b.node(i);
  const { product, moved } = stridedProductOf(node);
  return emitProduct(b, i, node.inputs, product, moved ? extraOfSameShape : extraOfMatrix);
}

/** y = x wᵀ + bias. */
export function lowerLinear(b: WasmBuilder, i: number): boolean {
  const { inputs } = b.node(i);
  const [m, k] = b.node(inputs[0]!).shape as [number, number];
  const [n] = b.node(inputs[1]!).shape as [number];
  return emitProduct(b, i, inputs, {
    m,
    n,
    k,
    a: dense(k),
    b: transposed(dense(k)),
    c: dense(n),
  });
}

/** dx = dy w. */
export function lowerLinearGradInput(b: WasmBuilder, i: number): boolean {
  const { inputs } = b.node(i);
  const [m, k] = b.node(inputs[0]!).shape as [number, number];
  const [, n] = b.node(inputs[1]!).shape as [number, number];
  return emitProduct(b, i, inputs, { m, n, k, a: dense(k), b: dense(n), c: dense(n) });
}

/** dw = dyᵀ x. */
export function lowerLinearGradWeight(b: WasmBuilder, i: number): boolean {
  const { inputs } = b.node(i);
  const [k, m] = b.node(inputs[0]!).shape as [number, number];
  const [, n] = b.node(inputs[1]!).shape as [number, number];
  return emitProduct(b, i, inputs, { m, n, k, a: transposed(dense(m)), b: dense(n), c: dense(n) });
}

/** One matrix times each matrix of a batch. */
export function lowerLeftMatmul(b: WasmBuilder, i: number): boolean {
  const { inputs, shape } = b.node(i);
  const [m, k] = b.node(inputs[0]!).shape as [number, number];
  const [planes, , n] = b.node(inputs[1]!).shape as [number, number, number];
  return emitProduct(b, i, inputs, {
    m,
    n,
    k,
    a: dense(k),
    b: dense(n, [0, k * n]),
    c: dense(n, [0, shape.at(-2)! * n]),
    batch: [1, planes],
  });
}
