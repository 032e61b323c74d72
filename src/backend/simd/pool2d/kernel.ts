import { zeroNumbers } from '../conv/patches.js';
import { V } from '../encoder.js';
import {
  add,
  at,
  either,
  equal,
  KernelModule,
  mul,
  notEqual,
  type Routine,
  sub,
  type Term,
  type Variable,
} from '../terms.js';

/*
 * `x` and `y` are the cells that are read and the results, or for gradients the gradient of the cells is `y`. Pieces are planes. Tables give the window of each row and column of the result (start and end), and for averages what
 * a window's sum is divided by: the product of a number for its row and one for its column.
 */

export const POOL_ARGS = [
  'x',
  'y',
  'gradient',
  'rowWindows',
  'columnWindows',
  'rowDivisors',
  'columnDivisors',
  'height',
  'width',
  'rows',
  'columns',
  'stepRow',
  'stepColumn',
] as const;
type Values = Readonly<Record<(typeof POOL_ARGS)[number] | 'from' | 'to' | 'thread', Variable>>;

/** What a window gives: its largest number, their mean, or what goes back to the cells. */
export type Pooling = 'max' | 'maxGradient' | 'average' | 'averageGradient';

interface Cells {
  /** The first row, and the first column, of a window, and where they end. */
  readonly top: Variable;
  readonly bottom: Variable;
  readonly left: Variable;
  readonly right: Variable;
}

/** No address. */
const NONE = -1;

/** Visits the windows of each plane. `plane` is the address of the plane's cells, `result` that of the window's number. */
function eachWindow(
  routine: Routine,
  p: Values,
  cells: Variable,
  results: Variable,
  visit: (plane: Variable, result: Variable, window: Cells, row: Variable, column: Variable) => void,
  begin?: (plane: Variable) => void,
): void {
  const area = routine.let(mul(mul(p.height, p.width), 4));
  const plane = routine.let(add(cells, mul(p.from, area)));
  const result = routine.let(add(results, mul(p.from, mul(mul(p.rows, p.columns), 4))));
  routine.for(p.from, p.to, 1, () => {
    begin?.(plane);
    routine.for(0, p.rows, 1, (row) => {
      const top = routine.let(at(add(p.rowWindows, mul(row, 8))));
      const bottom = routine.let(at(add(p.rowWindows, mul(row, 8)), 4));
      routine.for(0, p.columns, 1, (column) => {
        const left = routine.let(at(add(p.columnWindows, mul(column, 8))));
        const right = routine.let(at(add(p.columnWindows, mul(column, 8)), 4));
        visit(plane, result, { top, bottom, left, right }, row, column);
        routine.step(result, 4);
      });
    });
    routine.step(plane, area);
  });
}

/** Visits the cells of a window. `cell` is the cell's address. */
function eachCell(
  routine: Routine,
  p: Values,
  plane: Variable,
  { top, bottom, left, right }: Cells,
  visit: (cell: Variable) => void,
): void {
  routine.for(top, bottom, p.stepRow, (row) => {
    const cell = routine.let(add(plane, mul(add(mul(row, p.width), left), 4)));
    routine.for(left, right, p.stepColumn, () => {
      visit(cell);
      routine.step(cell, mul(p.stepColumn, 4));
    });
  });
}

/** What a window's sum is divided by, in a new variable. */
function divisor(routine: Routine, p: Values, row: Variable, column: Variable): number {
  const { code } = routine;
  const ofRow = routine.load(add(p.rowDivisors, mul(row, 4)), 0, V.load32Splat);
  const ofColumn = routine.load(add(p.columnDivisors, mul(column, 4)), 0, V.load32Splat);
  code.get(ofRow).get(ofColumn).v(V.f32Mul).set(ofRow);
  return ofRow;
}

const WRITERS: Readonly<Record<Pooling, (module: KernelModule) => (routine: Routine, p: Values) => void>> = {
  max: () => (routine, p) => {
    const { code } = routine;
    const best = code.vector();
    eachWindow(routine, p, p.x, p.y, (plane, result, window) => {
      code.f32(Number.NEGATIVE_INFINITY).set(best);
      eachCell(routine, p, plane, window, (cell) => {
        const value = routine.load(cell, 0, V.load32Splat);
        code.get(best).get(value).v(V.f32Max).set(best);
      });
      routine.saveLane(result, best);
    });
  },
  maxGradient: (module) => {
    const zero = zeroNumbers(module);
    return (routine, p) => {
      const { code } = routine;
      const best = code.vector();
      // From a cell of x to the same cell of its gradient.
      const toGradient = routine.let(sub(p.y, p.x));
      eachWindow(
        routine,
        p,
        p.x,
        p.gradient,
        (plane, result, window) => {
          const found = routine.let(-1);
          eachCell(routine, p, plane, window, (cell) => {
            const value = routine.load(cell, 0, V.load32Splat);
            // The first of the largest; a NaN counts as larger than what came before.
            const larger: Term = {
              emit: (to) =>
                to
                  .get(best)
                  .get(value)
                  .v(V.f32Less)
                  .get(value)
                  .get(value)
                  .v(V.f32NotEqual)
                  .v(V.or)
                  .v(V.anyTrue),
            };
            routine.if(either(equal(found, NONE), larger), () => {
              code.get(value).set(best);
              routine.set(found, cell);
            });
          });
          routine.if(notEqual(found, NONE), () => {
            const place = routine.let(add(found, toGradient));
            const total = routine.load(place, 0, V.load32Splat);
            const value = routine.load(result, 0, V.load32Splat);
            code.get(total).get(value).v(V.f32Add).set(total);
            routine.saveLane(place, total);
          });
        },
        (plane) => routine.call(zero, add(plane, toGradient), mul(p.height, p.width)),
      );
    };
  },
  average: () => (routine, p) => {
    const { code } = routine;
    const sum = code.vector();
    eachWindow(routine, p, p.x, p.y, (plane, result, window, row, column) => {
      code.f32(0).set(sum);
      eachCell(routine, p, plane, window, (cell) => {
        const value = routine.load(cell, 0, V.load32Splat);
        code.get(sum).get(value).v(V.f32Add).set(sum);
      });
      const by = divisor(routine, p, row, column);
      code.get(sum).get(by).v(V.f32Div).set(sum);
      routine.saveLane(result, sum);
    });
  },
  averageGradient: (module) => {
    const zero = zeroNumbers(module);
    return (routine, p) => {
      const { code } = routine;
      eachWindow(
        routine,
        p,
        p.y,
        p.gradient,
        (plane, result, window, row, column) => {
          const share = routine.load(result, 0, V.load32Splat);
          const by = divisor(routine, p, row, column);
          code.get(share).get(by).v(V.f32Div).set(share);
          eachCell(routine, p, plane, window, (cell) => {
            const total = routine.load(cell, 0, V.load32Splat);
            code.get(total).get(share).v(V.f32Add).set(total);
            routine.saveLane(cell, total);
          });
        },
        (plane) => routine.call(zero, plane, mul(p.height, p.width)),
      );
    };
  },
};

export function encodePooling(pooling: Pooling, pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const write = WRITERS[pooling](module);
  module.run(POOL_ARGS, write);
  return module.encode(pages);
}
