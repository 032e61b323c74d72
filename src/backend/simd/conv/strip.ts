import {
  add,
  both,
  type Int,
  less,
  mul,
  type Routine,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { copyElements, zeroElements } from '../copy/elements.js';
import type { KernelModule } from '../kernel-module.js';
import { type Grid, rowParts, type Strip } from './grid.js';

/** Arguments of a kernel that reads strips: distances in bytes, and counts. */
export const SOURCE_ARGS = [
  'source',
  /** Planes of each group. */
  'planes',
  'sourceImage',
  'sourcePlane',
  'sourceRow',
  'height',
  'stepRow',
  /** The box around the taps, and a strip's copy. */
  'boxRow',
  'boxColumn',
  'boxHeight',
  'stripColumns',
  'left',
  'inside',
  'stripPlane',
] as const;
export type SourceArgument = (typeof SOURCE_ARGS)[number];

/** @param source address of the images */
export function sourceArguments(grid: Grid, strip: Strip, source: number): Record<SourceArgument, number> {
  const { groups, planes, height, width, stepRow } = grid;
  const { left, skip, inside } = rowParts(grid, strip);
  return {
    // The first number that is copied of a row lies `skip` columns after the row's beginning.
    source: source + (strip.padded ? 4 * skip : 0),
    planes,
    sourceImage: 4 * groups * planes * height * width,
    sourcePlane: 4 * height * width,
    sourceRow: 4 * width,
    height,
    stepRow,
    boxRow: strip.box.row,
    boxColumn: strip.box.column,
    boxHeight: strip.box.height,
    stripColumns: strip.columns,
    left,
    inside,
    stripPlane: strip.planeBytes,
  };
}

/** A strip of an image's group, and the planes that are read of it. */
interface StripPart {
  readonly image: Int;
  readonly group: Int;
  /** The first row of the grid, and the number of rows. */
  readonly row: Int;
  readonly rows: Int;
  readonly firstPlane: Int;
  readonly planes: Int;
}

/**
 * Makes strips readable: a padded one is copied to `memory`, which has room for all planes, others are read where they
 * are.
 * @returns emits the code for a strip; its result is the address of the strip's first number
 */
export function stripReader(module: KernelModule, padded: boolean) {
  const copy = padded ? copyStrip(module) : undefined;
  return (
    routine: Routine,
    p: Readonly<Record<SourceArgument, Variable>>,
    memory: Variable,
    { image, group, row, rows, firstPlane, planes }: StripPart,
  ): Variable => {
    const from = routine.let(
      add(p.source, mul(image, p.sourceImage), mul(mul(group, p.planes), p.sourcePlane)),
    );
    const inRow = routine.let(add(mul(row, p.stepRow), p.boxRow));
    if (!copy) return routine.let(add(from, mul(inRow, p.sourceRow), mul(p.boxColumn, 4)));
    routine.call(
      copy,
      add(memory, mul(firstPlane, p.stripPlane)),
      add(from, mul(firstPlane, p.sourcePlane)),
      planes,
      p.sourcePlane,
      p.height,
      p.sourceRow,
      inRow,
      add(mul(sub(rows, 1), p.stepRow), p.boxHeight),
      p.stripColumns,
      p.left,
      p.inside,
      p.stripPlane,
    );
    return memory;
  };
}

/**
 * `(to, from, planes, planeBytes, height, rowBytes, first, rows, columns, left, inside, toPlaneBytes)`: copies rows
 * `first` to `first + rows` of some planes, with zeros where these rows or the columns lie outside of the planes. `from`
 * is where the first number inside a row lies.
 */
function copyStrip(module: KernelModule): Routine {
  const copy = copyElements(module);
  const zero = zeroElements(module);
  return module.define(
    12,
    (
      routine,
      to,
      from,
      planes,
      planeBytes,
      height,
      rowBytes,
      first,
      rows,
      columns,
      left,
      inside,
      toPlane,
    ) => {
      const right = routine.let(sub(columns, add(left, inside)));
      routine.for(0, planes, 1, () => {
        const place = routine.let(to);
        routine.for(first, add(first, rows), 1, (row) => {
          routine.if(
            both(less(-1, row), less(row, height)),
            () => {
              routine.call(zero, place, left);
              routine.call(copy, add(place, mul(left, 4)), add(from, mul(row, rowBytes)), inside);
              routine.call(zero, add(place, mul(add(left, inside), 4)), right);
            },
            () => routine.call(zero, place, columns),
          );
          routine.step(place, mul(columns, 4));
        });
        routine.step(to, toPlane);
        routine.step(from, planeBytes);
      });
    },
  );
}
