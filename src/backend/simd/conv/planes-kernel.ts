import { V } from '../../../webassembly/instructions.js';
import {
  add,
  div,
  equal,
  type Int,
  less,
  min,
  mul,
  type Routine,
  rem,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { zeroElements } from '../copy/elements.js';
import { completion, type Epilogue, EXTRA_ARGS, extrasAt } from '../gemm/epilogue.js';
import { multiplyAdd } from '../gemm/micro.js';
import { KernelModule } from '../kernel-module.js';
import { EVEN_THEN_ODD } from './patches.js';
import { SOURCE_ARGS, stripReader } from './strip.js';

/*
 * Kernels for groups of one plane (depthwise convolution): as a matrix product such a group would have one row, so most of
 * a tile would be wasted. Here four neighbouring positions are one vector, and the taps are unrolled.
 */

/** A tap: its row and column in the box around all taps, and where its weight is among the group's, in elements. */
export interface PlaneTap {
  readonly row: number;
  readonly column: number;
  readonly weight: number;
}

/** Variants of the kernels. */
export interface PlaneVariant {
  readonly taps: readonly PlaneTap[];
  /** Columns of the input between two positions: 1 or 2. */
  readonly stepColumn: number;
  /** How a plane is read: where it is, or from a copy that is padded with zeros, of the whole plane or of a strip. */
  readonly copied: 'no' | 'plane' | 'strip';
  /** Whether a product is computed and added in one instruction. */
  readonly fused: boolean;
}

/** A number of each of four neighbouring positions, or of one position in all lanes. */
function load(routine: Routine, { stepColumn }: PlaneVariant, address: Int, column: number, lanes: 1 | 4) {
  if (lanes === 1) return routine.load(address, 4 * column, V.load32Splat);
  const low = routine.load(address, 4 * column);
  if (stepColumn === 1) return low;
  // Nothing beyond the last position's number is read.
  const high = routine.load(address, 4 * column + 12);
  routine.code.get(low).get(high).shuffle(EVEN_THEN_ODD).set(low);
  return low;
}

const COPY_ARGS = [...SOURCE_ARGS, 'copyTo', 'copyFrom', 'copyRows', 'rowBytes'] as const;
type CopyArgument = (typeof COPY_ARGS)[number];

/** `(to, from, rows, columns, stepTo, stepFrom)`: copies rows. */
const copyRows = (module: KernelModule): Routine =>
  module.define(6, (routine, to, from, rows, columns, stepTo, stepFrom) => {
    const last = routine.let(mul(sub(columns, 4), 4));
    routine.for(0, rows, 1, () => {
      routine.if(
        less(3, columns),
        () => {
          // The last vector overlaps the one before it.
          const at = routine.let(-16);
          routine.repeat(
            () => {
              routine.set(at, min(add(at, 16), last));
              routine.save(add(to, at), routine.load(add(from, at)));
            },
            less(at, last),
          );
        },
        () => routine.for(0, mul(columns, 4), 4, (at) => routine.copy(add(to, at), add(from, at))),
      );
      routine.step(to, stepTo);
      routine.step(from, stepFrom);
    });
  });

/**
 * Makes planes readable. `begin` runs once, before the first of them; `read` gives the address of a strip's first number.
 */
function planeReader(module: KernelModule, { copied }: PlaneVariant) {
  const readStrip = stripReader(module, copied === 'strip');
  const [zero, copy] = copied === 'plane' ? [zeroElements(module), copyRows(module)] : [];
  type Values = Readonly<Record<CopyArgument, Variable>>;
  return {
    begin: (routine: Routine, p: Values, memory: Variable): void => {
      if (zero) routine.call(zero, memory, div(p.stripPlane, 4));
    },
    read: (
      routine: Routine,
      p: Values,
      memory: Variable,
      { image, group, row, rows }: Readonly<Record<'image' | 'group' | 'row' | 'rows', Variable>>,
    ): Variable => {
      if (!copy) return readStrip(routine, p, memory, { image, group, row, rows, firstPlane: 0, planes: 1 });
      const from = add(p.source, mul(image, p.sourceImage), mul(group, p.sourcePlane), p.copyFrom);
      routine.call(copy, add(memory, p.copyTo), from, p.copyRows, p.inside, p.rowBytes, p.sourceRow);
      return memory;
    },
  };
}

/** Addresses of the rows of the box around the taps, for a row of positions. */
const rowsOf = (routine: Routine, { taps }: PlaneVariant, top: Int, rowBytes: Variable): Variable[] =>
  Array.from({ length: 1 + Math.max(...taps.map(({ row }) => row)) }, (_, row) =>
    routine.let(add(top, mul(rowBytes, row))),
  );

/** Arguments of the kernel: addresses, distances in bytes, and counts. */
export const PLANE_ARGS = [
  ...COPY_ARGS,
  'weights',
  'weightGroup',
  'target',
  ...EXTRA_ARGS,
  'own',
  'ownBytes',
  'groups',
  'strips',
  'rows',
  'columns',
  'stripRows',
  'targetImage',
  'targetPlane',
  'targetRow',
] as const;

/**
 * A kernel whose pieces are strips of a plane's results. Each result is the sum over the taps in their order.
 *
 * @param targetColumn distance between the results of neighbouring positions, in elements
 */
export function encodePlanes(
  variant: PlaneVariant,
  targetColumn: number,
  epilogue: Epilogue,
  pages: number,
): Uint8Array<ArrayBuffer> {
  const { taps, stepColumn, fused } = variant;
  const module = new KernelModule();
  const { begin, read } = planeReader(module, variant);
  module.run(PLANE_ARGS, (routine, p) => {
    const { code } = routine;
    const memory = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    begin(routine, p, memory);
    routine.for(p.from, p.to, 1, (piece) => {
      const firstRow = routine.let(mul(rem(piece, p.strips), p.stripRows));
      const second = routine.let(div(piece, p.strips));
      const group = routine.let(rem(second, p.groups));
      const image = routine.let(div(second, p.groups));
      const rows = routine.let(min(p.stripRows, sub(p.rows, firstRow)));
      const base = read(routine, p, memory, { image, group, row: firstRow, rows });
      const from = routine.let(add(p.weights, mul(group, p.weightGroup)));
      const weights = taps.map(({ weight }) => routine.load(from, 4 * weight, V.load32Splat));
      const { startRow, apply } = completion(
        routine,
        epilogue,
        extrasAt(epilogue, p, { row: group, column: 0 }),
      );
      startRow(0);
      const to = routine.let(
        add(p.target, mul(image, p.targetImage), mul(group, p.targetPlane), mul(firstRow, p.targetRow)),
      );
      const sum = code.vector();
      routine.for(0, rows, 1, (row) => {
        const inRows = rowsOf(routine, variant, add(base, mul(mul(row, p.stepRow), p.rowBytes)), p.rowBytes);
        const position = (column: Variable, lanes: 1 | 4): void => {
          const cells = inRows.map((one) => routine.let(add(one, mul(column, 4 * stepColumn))));
          taps.forEach((tap, t) => {
            const value = load(routine, variant, cells[tap.row]!, tap.column, lanes);
            if (t === 0) code.get(value).get(weights[t]!).v(V.f32Mul).set(sum);
            else multiplyAdd(code, fused, sum, value, weights[t]!);
          });
          const place = routine.let(add(to, mul(column, 4 * targetColumn)));
          const result = apply(sum, place, 0, (address) =>
            routine.load(address, 0, lanes === 4 ? V.load : V.load32Splat),
          );
          if (lanes === 4 && targetColumn === 1) routine.save(place, result);
          else
            for (let lane = 0; lane < lanes; lane++)
              routine.saveLane(place, result, lane, 4 * targetColumn * lane);
        };
        routine.if(
          less(3, p.columns),
          () => {
            // The last vector overlaps the one before it, and writes the same numbers again.
            const column = routine.let(-4);
            routine.repeat(
              () => {
                routine.set(column, min(add(column, 4), sub(p.columns, 4)));
                position(column, 4);
              },
              less(column, sub(p.columns, 4)),
            );
          },
          () => routine.for(0, p.columns, 1, (column) => position(column, 1)),
        );
        routine.step(to, p.targetRow);
      });
    });
  });
  return module.encodeFor(pages);
}

/** Arguments of the kernel of the weights' gradient. */
export const PLANE_GRADIENT_ARGS = [
  ...COPY_ARGS,
  'gradient',
  'gradientImage',
  'gradientPlane',
  'target',
  'own',
  'ownBytes',
  'images',
  /** Images whose products are added before they are added to the sums of all images. */
  'together',
  'rows',
  'columns',
  'stripRows',
] as const;

/** Bytes of the memory for each thread's sums. */
export const sumBytes = ({ taps }: PlaneVariant): number => 16 * taps.length;

const [HALF, QUARTER] = [
  [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7],
  [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11],
];

/**
 * A kernel whose pieces are groups: the gradient of a plane's weights, summed over images and positions. Sums of
 * some images, or of strips, are added, so that rounding errors do not grow with the number of all positions.
 */
export function encodePlaneGradient(variant: PlaneVariant, pages: number): Uint8Array<ArrayBuffer> {
  const { taps, stepColumn, fused } = variant;
  const module = new KernelModule();
  const { begin, read } = planeReader(module, variant);
  module.run(PLANE_GRADIENT_ARGS, (routine, p) => {
    const { code } = routine;
    const totals = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    const memory = routine.let(add(totals, sumBytes(variant)));
    begin(routine, p, memory);
    const sums = taps.map(() => code.vector());
    const zero = code.vector();
    code.f32(0).set(zero);
    routine.for(p.from, p.to, 1, (group) => {
      taps.forEach((_, t) => {
        routine.save(totals, zero, 16 * t);
        code.get(zero).set(sums[t]!);
      });
      routine.for(0, p.images, 1, (image) => {
        const gradient = routine.let(
          add(p.gradient, mul(image, p.gradientImage), mul(group, p.gradientPlane)),
        );
        routine.for(0, p.rows, p.stripRows, (firstRow) => {
          const rows = routine.let(min(p.stripRows, sub(p.rows, firstRow)));
          const base = read(routine, p, memory, { image, group, row: firstRow, rows });
          routine.for(0, rows, 1, (row) => {
            const cells = rowsOf(
              routine,
              variant,
              add(base, mul(mul(row, p.stepRow), p.rowBytes)),
              p.rowBytes,
            );
            const left = routine.let(p.columns);
            const position = (lanes: 1 | 4): void => {
              const factor = routine.load(gradient, 0, lanes === 4 ? V.load : V.load32Zero);
              taps.forEach((tap, t) => {
                // A single position uses one lane only; the others of its gradient are 0, and so must be its numbers.
                const value =
                  lanes === 4
                    ? load(routine, variant, cells[tap.row]!, tap.column, 4)
                    : routine.load(cells[tap.row]!, 4 * tap.column, V.load32Zero);
                multiplyAdd(code, fused, sums[t]!, value, factor);
              });
              for (const cell of cells) routine.step(cell, 4 * stepColumn * lanes);
              routine.step(gradient, 4 * lanes);
              routine.step(left, -lanes);
            };
            routine.while(less(3, left), () => position(4));
            routine.while(left, () => position(1));
          });
          const isLast = less(sub(p.images, 2), image);
          routine.if(add(isLast, equal(rem(add(image, 1), p.together), 0)), () =>
            taps.forEach((_, t) => {
              const total = routine.load(totals, 16 * t);
              code.get(total).get(sums[t]!).v(V.f32Add).set(total);
              routine.save(totals, total, 16 * t);
              code.get(zero).set(sums[t]!);
            }),
          );
        });
      });
      taps.forEach(({ weight }, t) => {
        const total = routine.load(totals, 16 * t);
        for (const turned of [HALF, QUARTER])
          code.get(total).get(total).get(total).shuffle(turned!).v(V.f32Add).set(total);
        routine.saveLane(add(p.target, mul(group, 4 * taps.length)), total, 0, 4 * weight);
      });
    });
  });
  return module.encodeFor(pages);
}
