import type { TypedArray } from '../../../graph/types.js';
import type { Kernel } from './kernel.js';

/** A matrix inside an array: element (r, c) is `data[at + r · row + c · column]`. */
interface Matrix {
  readonly data: TypedArray;
  readonly at: number;
  readonly row: number;
  readonly column: number;
}

/** C[m, n] = Σ_k A[m, k] · B[k, n] + bias[n]; C is row-major, beginning at `at`. */
function product(
  a: Matrix,
  b: Matrix,
  [m, k, n]: readonly [number, number, number],
  c: TypedArray,
  at: number,
  bias?: TypedArray,
): void {
  const total = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    const aRow = a.at + i * a.row;
    if (bias) total.set(bias);
    else total.fill(0);
    // The inner loop reads B with stride 1, whether B is transposed or not.
    if (b.column === 1)
      for (let p = 0; p < k; p++) axpy(a.data[aRow + p * a.column]!, b, b.at + p * b.row, total);
    else for (let j = 0; j < n; j++) total[j]! += dot(a, aRow, b, b.at + j * b.column, k);
    c.set(total, at + i * n);
  }
}

function axpy(factor: number, { data }: Matrix, at: number, total: Float64Array): void {
  for (let j = 0; j < total.length; j++) total[j]! += factor * data[at + j]!;
}

function dot(a: Matrix, aAt: number, b: Matrix, bAt: number, k: number): number {
  const { data: aData, column: aStep } = a;
  const { data: bData, row: bStep } = b;
  let sum = 0;
  for (let p = 0; p < k; p++, aAt += aStep, bAt += bStep) sum += aData[aAt]! * bData[bAt]!;
  return sum;
}

/** A row-major matrix with `columns` columns, or its transpose. */
const dense = (data: TypedArray, columns: number, at = 0): Matrix => ({ data, at, row: columns, column: 1 });
const transposed = (data: TypedArray, columns: number, at = 0): Matrix => ({
  data,
  at,
  row: 1,
  column: columns,
});

const matmul: Kernel = ({ inputs: [a, b], specs: [aSpec, bSpec], output, outputSpec, attrs }) => {
  const [aRows, aColumns] = aSpec!.shape.slice(-2) as [number, number];
  const [bRows, bColumns] = bSpec!.shape.slice(-2) as [number, number];
  const [m, n] = outputSpec.shape.slice(-2) as [number, number];
  const k = attrs.transposeA ? aRows : aColumns;
  const batches = outputSpec.shape.length === 3 ? outputSpec.shape[0]! : 1;
  for (let i = 0; i < batches; i++)
    product(
      (attrs.transposeA ? transposed : dense)(a!, aColumns, i * aRows * aColumns),
      (attrs.transposeB ? transposed : dense)(b!, bColumns, i * bRows * bColumns),
      [m, k, n],
      output,
      i * m * n,
    );
};

const linear: Kernel = ({ inputs: [x, w, b], specs: [xSpec, wSpec], output }) => {
  const [rows, features] = xSpec!.shape as [number, number];
  product(dense(x!, features), transposed(w!, features), [rows, features, wSpec!.shape[0]!], output, 0, b);
};
const linearGradInput: Kernel = ({ inputs: [grad, w], specs: [gradSpec, wSpec], output }) => {
  const [rows, out] = gradSpec!.shape as [number, number];
  const features = wSpec!.shape[1]!;
  product(dense(grad!, out), dense(w!, features), [rows, out, features], output, 0);
};
const linearGradWeight: Kernel = ({ inputs: [grad, x], specs: [gradSpec, xSpec], output }) => {
  const [rows, out] = gradSpec!.shape as [number, number];
  const features = xSpec!.shape[1]!;
  product(transposed(grad!, out), dense(x!, features), [out, rows, features], output, 0);
};
const leftMatmul: Kernel = ({ inputs: [matrix, x], specs: [matrixSpec, xSpec], output }) => {
  const [to, from] = matrixSpec!.shape as [number, number];
  const [planes, , width] = xSpec!.shape as [number, number, number];
  for (let i = 0; i < planes; i++)
    product(
      dense(matrix!, from),
      dense(x!, width, i * from * width),
      [to, from, width],
      output,
      i * to * width,
    );
};

export const matrix: Readonly<Record<string, Kernel>> = {
  matmul,
  linear,
  linearGradInput,
  linearGradWeight,
  leftMatmul,
};
