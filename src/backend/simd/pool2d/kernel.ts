import { V } from '../../../webassembly/instructions.js';
import {
  add,
  at,
  both,
  equal,
  type Int,
  less,
  mul,
  type Routine,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { EVEN_THEN_ODD } from '../conv/patches.js';
import { zeroElements } from '../copy/elements.js';
import { KernelModule } from '../kernel-module.js';
import { WINDOW_WORDS } from './windows.js';

/*
 * `x` is the input and `y` the result. For gradients, `gradient` is the gradient of the result and `y` the gradient of
 * the input. A piece is one plane. Tables list the window of each row and column of the result, and for averages the
 * divisors: a window's sum is divided by the product of its row's and its column's divisor. Four adjacent windows are
 * computed at once.
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

/** What the kernel computes for each window: its maximum, its mean, or the gradient of one of them. */
export type Pooling = 'max' | 'maxGradient' | 'average' | 'averageGradient';

/**
 * One window, or four adjacent ones. Vectors have one lane for each; for a single window only the first lane is used.
 */
interface Group {
  readonly lanes: 1 | 4;
  /** Cells from one window to the next. */
  readonly spacing: number;
  /** Address of the result. */
  readonly result: Variable;
  readonly row: Variable;
  readonly column: Variable;
  /** Whether the windows have cells. */
  readonly hasCells: Int;
  /** Visits the cells of the first window, in order. `cell` is the cell's address. */
  readonly each: (visit: (cell: Variable) => void) => void;
}

/** Visits the windows of each plane. `begin` is called with the address of each plane's cells. */
function eachGroup(
  routine: Routine,
  p: Values,
  cells: Variable,
  results: Variable,
  visit: (group: Group) => void,
  begin?: (plane: Variable) => void,
): void {
  const words = 4 * WINDOW_WORDS;
  const area = routine.let(mul(mul(p.height, p.width), 4));
  const plane = routine.let(add(cells, mul(p.from, area)));
  const result = routine.let(add(results, mul(p.from, mul(mul(p.rows, p.columns), 4))));
  routine.for(p.from, p.to, 1, () => {
    begin?.(plane);
    routine.for(0, p.rows, 1, (row) => {
      const top = routine.let(at(add(p.rowWindows, mul(row, words))));
      const bottom = routine.let(at(add(p.rowWindows, mul(row, words)), 4));
      const column = routine.let(0);
      routine.while(less(column, p.columns), () => {
        const window = routine.let(add(p.columnWindows, mul(column, words)));
        const left = routine.let(at(window));
        const right = routine.let(at(window, 4));
        const spacing = routine.let(at(window, 8));
        const group = (lanes: 1 | 4, cellsApart: number): void => {
          visit({
            lanes,
            spacing: cellsApart,
            result,
            row,
            column,
            hasCells: both(less(top, bottom), less(left, right)),
            each: (each) =>
              routine.for(top, bottom, p.stepRow, (r) => {
                const cell = routine.let(add(plane, mul(add(mul(r, p.width), left), 4)));
                routine.for(left, right, p.stepColumn, () => {
                  each(cell);
                  routine.step(cell, mul(p.stepColumn, 4));
                });
              }),
          });
          routine.step(result, 4 * lanes);
          routine.step(column, lanes);
        };
        routine.if(
          equal(spacing, 0),
          () => group(1, 0),
          () =>
            routine.if(
              equal(spacing, 1),
              () => group(4, 1),
              () => group(4, 2),
            ),
        );
      });
    });
    routine.step(plane, area);
  });
}

/** Loads a cell of each window of a group. */
function read(routine: Routine, { lanes, spacing }: Group, cell: Int): number {
  if (lanes === 1) return routine.load(cell, 0, V.load32Splat);
  const low = routine.load(cell);
  if (spacing === 1) return low;
  // Nothing beyond the last window's cell is read.
  const high = routine.load(cell, 12);
  routine.code.get(low).get(high).shuffle(EVEN_THEN_ODD).set(low);
  return low;
}

function write(routine: Routine, { lanes, result }: Group, value: number): void {
  if (lanes === 4) routine.save(result, value);
  else routine.saveLane(result, value);
}

/** Loads numbers that lie side by side, one for each window of a group. */
const beside = (routine: Routine, { lanes }: Group, address: Int): number =>
  routine.load(address, 0, lanes === 4 ? V.load : V.load32Splat);

/** Adds one lane of a vector to a number in memory. */
function addTo(routine: Routine, place: Int, value: number, lane: number): void {
  const { code } = routine;
  const address = routine.let(place);
  const total = routine.load(address, 0, V.load32Splat);
  code.get(total).get(value).v(V.f32Add).set(total);
  routine.saveLane(address, total, lane);
}

/** Divides the sums of windows by their divisors. */
function divided(routine: Routine, p: Values, group: Group, sum: number): void {
  const { code } = routine;
  const ofRow = routine.load(add(p.rowDivisors, mul(group.row, 4)), 0, V.load32Splat);
  const ofColumn = beside(routine, group, add(p.columnDivisors, mul(group.column, 4)));
  code.get(sum).get(ofRow).get(ofColumn).v(V.f32Mul).v(V.f32Div).set(sum);
}

/** Means that no cell has been found: no cell has this address. */
const NOTHING = 0xffffffff;

const lanesOf = ({ lanes }: Group): number[] => Array.from({ length: lanes }, (_, lane) => lane);

const WRITERS: Readonly<Record<Pooling, (module: KernelModule) => (routine: Routine, p: Values) => void>> = {
  max: () => (routine, p) => {
    const { code } = routine;
    const best = code.vector();
    eachGroup(routine, p, p.x, p.y, (group) => {
      code.f32(Number.NEGATIVE_INFINITY).set(best);
      group.each((cell) => {
        const value = read(routine, group, cell);
        code.get(best).get(value).v(V.f32Max).set(best);
      });
      write(routine, group, best);
    });
  },
  maxGradient: (module) => {
    const zero = zeroElements(module);
    return (routine, p) => {
      const { code } = routine;
      const [best, found, larger] = [code.vector(), code.vector(), code.vector()];
      // From a cell of x to the same cell of its gradient.
      const toGradient = routine.let(sub(p.y, p.x));
      eachGroup(
        routine,
        p,
        p.x,
        p.gradient,
        (group) =>
          routine.if(group.hasCells, () => {
            code.f32(Number.NEGATIVE_INFINITY).set(best);
            code.bits(NOTHING).set(found);
            group.each((cell) => {
              const value = read(routine, group, cell);
              // Takes the first maximum; NaN counts as larger than all cells before it. At the start no cell has been
              // found.
              code.get(best).get(value).v(V.f32Less).get(value).get(value).v(V.f32NotEqual).v(V.or);
              code.get(found).bits(NOTHING).v(V.i32Equal).v(V.or).set(larger);
              code.get(value).get(best).get(larger).v(V.bitselect).set(best);
              code.get(cell.local).v(V.splatI32).get(found).get(larger).v(V.bitselect).set(found);
            });
            const gradient = beside(routine, group, group.result);
            for (const lane of lanesOf(group)) {
              const cell = { emit: () => void code.get(found).extract(lane) };
              addTo(routine, add(cell, 4 * group.spacing * lane, toGradient), gradient, lane);
            }
          }),
        (plane) => routine.call(zero, add(plane, toGradient), mul(p.height, p.width)),
      );
    };
  },
  average: () => (routine, p) => {
    const { code } = routine;
    const sum = code.vector();
    eachGroup(routine, p, p.x, p.y, (group) => {
      code.f32(0).set(sum);
      group.each((cell) => {
        const value = read(routine, group, cell);
        code.get(sum).get(value).v(V.f32Add).set(sum);
      });
      divided(routine, p, group, sum);
      write(routine, group, sum);
    });
  },
  averageGradient: (module) => {
    const zero = zeroElements(module);
    return (routine, p) => {
      eachGroup(
        routine,
        p,
        p.y,
        p.gradient,
        (group) => {
          const share = beside(routine, group, group.result);
          divided(routine, p, group, share);
          group.each((cell) => {
            for (const lane of lanesOf(group))
              addTo(routine, add(cell, 4 * group.spacing * lane), share, lane);
          });
        },
        (plane) => routine.call(zero, plane, mul(p.height, p.width)),
      );
    };
  },
};

export function encodePooling(pooling: Pooling, pages: number): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  const writer = WRITERS[pooling](module);
  module.run(POOL_ARGS, writer);
  return module.encodeFor(pages);
}
