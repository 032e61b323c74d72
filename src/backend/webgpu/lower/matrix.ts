import type { Shape } from '../../../graph/types.js';
import type { MatmulAttrs } from '../../../ops/matmul.js';
import type { WebGpuBuilder } from '../builder.js';
import { numbers } from '../kernels/product.js';
import { sumsOf } from './conv.js';
import type { Groups } from './half.js';
import { emitProduct } from './product.js';

const P = numbers([
  'rows',
  'columns',
  'parts',
  'from',
  'fromRow',
  'fromLayer',
  'length',
  'aLayer',
  'aRow',
  'aStep',
  'bLayer',
  'bStep',
  'bColumn',
]);

/** Distances between elements of a matrix, and of one matrix of a batch to the next. */
interface Strides {
  readonly row: number;
  readonly column: number;
  readonly layer: number;
}

interface Matrices {
  readonly rows: number;
  readonly length: number;
  readonly columns: number;
  readonly layers?: number;
  readonly a: Strides;
  readonly b: Strides;
  readonly bias?: boolean;
  /** See {@link sumsOf}. */
  readonly sums?: number | undefined;
}

/** Each of `count` rows (or columns) of each layer is scaled by itself. @param beside whether its elements are contiguous */
const lines = (layers: number, count: number, length: number, beside: boolean): Groups =>
  beside
    ? { outer: layers * count, over: 1, kept: 1, inner: length }
    : { outer: layers, over: length, kept: count, inner: 1 };

function emitMatrices(b: WebGpuBuilder, i: number, matrices: Matrices): void {
  const { rows, length, layers = 1, a, b: right, bias, sums } = matrices;
  const columns = matrices.columns + (sums === undefined ? 0 : 1);
  const width = sums === undefined ? P.columns : `(${P.columns} - 1u)`;
  const inputs = b.node(i).inputs.map((input) => b.value(input));
  emitProduct(b, i, inputs, {
    rows,
    columns,
    layers,
    length,
    splits: length,
    // The last part may be shorter than the others.
    evenly: (by, parts) => length % by === 0 && Math.ceil(length / parts) % by === 0,
    along: right.row === 1,
    params: [
      ...[rows, columns, 1, 0, 0, 0, length],
      ...[a.layer, a.row, a.column, right.layer, right.row, right.column],
    ],
    place: `(layer * ${P.rows} + m) * ${width} + n`,
    scales: [
      { ...lines(layers, rows, length, a.column === 1), group: `layer * ${P.rows} + m` },
      { ...lines(layers, columns, length, right.row === 1), group: `layer * ${P.columns} + n` },
    ],
    ...(bias ? { bias: { input: 2, along: 'column' as const } } : {}),
    ...(sums === undefined ? {} : { sums }),
    product: {
      kernel: 'product',
      start: `let each = (${P.length} + ${P.parts} - 1u) / ${P.parts};
  let leftAt = layer * ${P.aLayer};`,
      known: { base: 'u32', ...(sums === undefined ? {} : { one: 'bool' }) },
      column: `base[q] = layer * ${P.bLayer} + column * ${P.bColumn};
    ${sums === undefined ? '' : `one[q] = column + 1u == ${P.columns};`}`,
      open: '',
      inner: { name: 'k', first: 'part * each', end: `min(${P.length}, (part + 1u) * each)` },
      left: (row) => `in0(leftAt + ${row} * ${P.aRow} + k * ${P.aStep})`,
      right: (n) => {
        const value = `in1(base[${n}] + k * ${P.bStep})`;
        return sums === undefined ? value : `select(${value}, 1f, one[${n}])`;
      },
      close: '',
    },
  });
}

const dense = (columns: number, layer = 0): Strides => ({ row: columns, column: 1, layer });
const transposed = ({ row, column, layer }: Strides): Strides => ({ row: column, column: row, layer });

function matrixOf(shape: Shape): { rows: number; columns: number; strides: Strides } {
  const [rows, columns] = shape.slice(-2) as [number, number];
  return { rows, columns, strides: dense(columns, rows * columns) };
}

export function lowerMatmul(b: WebGpuBuilder, i: number): void {
  const { inputs, attrs, shape } = b.node(i);
  const { transposeA, transposeB } = attrs as MatmulAttrs;
  const [x, y] = inputs.map((input) => matrixOf(b.node(input).shape)) as [
    ReturnType<typeof matrixOf>,
    ReturnType<typeof matrixOf>,
  ];
  const [rows, columns] = shape.slice(-2) as [number, number];
  emitMatrices(b, i, {
    rows,
    columns,
    length: transposeA ? x.rows : x.columns,
    a: transposeA ? transposed(x.strides) : x.strides,
    b: transposeB ? transposed(y.strides) : y.strides,
    layers: shape.length === 3 ? shape[0]! : 1,
  });
}

/** One matrix times each matrix of a batch. */
export function lowerLeftMatmul(b: WebGpuBuilder, i: number): void {
  const { inputs } = b.node(i);
  const [rows, length] = b.node(inputs[0]!).shape as [number, number];
  const [layers, , columns] = b.node(inputs[1]!).shape as [number, number, number];
  emitMatrices(b, i, {
    rows,
    columns,
    length,
    layers,
    a: dense(length),
    b: dense(columns, length * columns),
  });
}

/** y = x wᵀ + bias. */
export function lowerLinear(b: WebGpuBuilder, i: number): void {
  const { inputs } = b.node(i);
  const [rows, length] = b.node(inputs[0]!).shape as [number, number];
  const [columns] = b.node(inputs[1]!).shape as [number];
  emitMatrices(b, i, {
    rows,
    columns,
    length,
    a: dense(length),
    b: transposed(dense(length)),
    bias: inputs.length > 2,
  });
}

/** dx = dy w. */
export function lowerLinearGradInput(b: WebGpuBuilder, i: number): void {
  const { inputs } = b.node(i);
  const [rows, length] = b.node(inputs[0]!).shape as [number, number];
  const [, columns] = b.node(inputs[1]!).shape as [number, number];
  emitMatrices(b, i, { rows, columns, length, a: dense(length), b: dense(columns) });
}

/** dw = dyᵀ x. */
export function lowerLinearGradWeight(b: WebGpuBuilder, i: number): void {
  const { inputs } = b.node(i);
  const [length, rows] = b.node(inputs[0]!).shape as [number, number];
  const [, columns] = b.node(inputs[1]!).shape as [number, number];
  const sums = sumsOf(b, i, inputs[0]!, [0]);
  emitMatrices(b, i, { rows, columns, length, a: transposed(dense(rows)), b: dense(columns), sums });
}
