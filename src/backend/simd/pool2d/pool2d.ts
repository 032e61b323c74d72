import { bitsOf } from '../../../webassembly/terms.js';
import { roundUp } from '../gemm/kernel.js';
import { ordered } from '../kernel-module.js';
import { VectorOperation } from '../operation.js';
import type { KernelPool } from '../pool.js';
import { encodePooling, POOL_ARGS, type Pooling } from './kernel.js';
import { type Average, type Window, windowTable } from './windows.js';

type Pair = readonly [number, number];

/** Planes of height × width cells, and of rows × columns windows; all row-major. */
export interface Planes {
  readonly planes: number;
  readonly height: number;
  readonly width: number;
  readonly rows: number;
  readonly columns: number;
}

/** Windows of each row and column of the result, and the distance between a window's cells. */
export interface Windows<One extends Window = Window> {
  readonly rows: readonly One[];
  readonly columns: readonly One[];
  readonly step: Pair;
}

/** Maximum of each window; NaN if it contains NaN, −∞ if it has no cells. Operands of `run`: x, y. */
export const maxPool2d = (pool: KernelPool, planes: Planes, windows: Windows): VectorOperation =>
  pooled(pool, 'max', planes, windows, ([x, y]) => ({ x: x!, y: y!, gradient: 0 }));

/**
 * The gradient of max-pooling: it flows to the first cell that has the maximum. Operands of `run`: the gradient of the
 * result, x, the gradient of x.
 */
export const maxPool2dGrad = (pool: KernelPool, planes: Planes, windows: Windows): VectorOperation =>
  pooled(pool, 'maxGradient', planes, windows, ([gradient, x, y]) => ({ gradient: gradient!, x: x!, y: y! }));

/** The sum of each window divided by its divisor. Operands of `run`: x, y. */
export const averagePool2d = (pool: KernelPool, planes: Planes, windows: Windows<Average>): VectorOperation =>
  pooled(pool, 'average', planes, windows, ([x, y]) => ({ x: x!, y: y!, gradient: 0 }), windows);

/** The gradient of average pooling. Operands of `run`: the gradient of the result, the gradient of x. */
export const averagePool2dGrad = (
  pool: KernelPool,
  planes: Planes,
  windows: Windows<Average>,
): VectorOperation =>
  pooled(
    pool,
    'averageGradient',
    planes,
    windows,
    ([gradient, y]) => ({ gradient: gradient!, y: y!, x: 0 }),
    windows,
  );

/** Cost of one cell of a window, in elements of an elementwise operation. */
const ELEMENTS_PER_CELL = 2;
const PIECE = 2 ** 14;

function pooled(
  pool: KernelPool,
  pooling: Pooling,
  { planes, height, width, rows, columns }: Planes,
  windows: Windows,
  places: (operands: readonly number[]) => { x: number; y: number; gradient: number },
  averages?: Windows<Average>,
): VectorOperation {
  const cells = (some: readonly Window[], step: number): number =>
    some.reduce((n, { start, end }) => n + Math.ceil((end - start) / step), 0);
  const each =
    ELEMENTS_PER_CELL * cells(windows.rows, windows.step[0]) * cells(windows.columns, windows.step[1]) +
    height * width;
  const numbers = [
    windowTable(windows.rows),
    windowTable(windows.columns),
    (averages?.rows ?? []).map(({ divisor }) => bitsOf(divisor)),
    (averages?.columns ?? []).map(({ divisor }) => bitsOf(divisor)),
  ];
  let scratchBytes = 0;
  const tables = numbers.map((values) => {
    const at = scratchBytes;
    scratchBytes = roundUp(at + 4 * values.length, 64);
    return { at, values: Int32Array.from(values) };
  });
  const table = (k: number): number => tables[k]!.at;
  return new VectorOperation(
    pool,
    scratchBytes,
    [
      {
        kernel: pool.compile({ pooling }, (pages) => encodePooling(pooling, pages)),
        total: planes,
        piece: Math.max(1, Math.floor(PIECE / Math.max(1, each))),
        elements: planes * each,
        args: (operands, scratch) =>
          ordered(POOL_ARGS, {
            ...places(operands),
            rowWindows: scratch + table(0),
            columnWindows: scratch + table(1),
            rowDivisors: scratch + table(2),
            columnDivisors: scratch + table(3),
            height,
            width,
            rows,
            columns,
            stepRow: windows.step[0],
            stepColumn: windows.step[1],
          }),
      },
    ],
    tables,
  );
}
