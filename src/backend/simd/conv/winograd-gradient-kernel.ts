import { V } from '../../../webassembly/instructions.js';
import {
  add,
  bitsOf,
  div,
  less,
  min,
  mul,
  type Routine,
  rem,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { multiplyPanels, spareBytes, type Tile } from '../gemm/micro.js';
import { transpose } from '../gemm/transpose.js';
import { KernelModule } from '../kernel-module.js';
import { SOURCE_ARGS, type SourceArgument, stripReader } from './strip.js';
import {
  gradientTransform,
  inputTransform,
  kernelTransform,
  type Line,
  loadLine,
  PLACES,
  type Scheme,
  SIDE,
  type Transform,
  transformColumns,
  VECTOR,
} from './winograd-scheme.js';

/*
 * The gradient of the weights with the same tiles: Gᵀ [Σ (A e Aᵀ) ⊙ (Bᵀ d B)] G over all tiles, for the gradient e of a
 * tile's results. At each place, the sum is a matrix product over tiles. Four planes are one vector.
 */

/** Planes of a vector. */
const LANES = 4;

/** Variants of the kernel. */
export interface GradientVariant {
  readonly scheme: Scheme;
  readonly tile: Tile;
  /** Whether strips of the source, and of the gradient, are copied and padded with zeros. */
  readonly padded: boolean;
  readonly gradientPadded: boolean;
}

type GradientArgument = `gradient ${SourceArgument}`;
const gradientName = (name: SourceArgument): GradientArgument => `gradient ${name}`;

/** The arguments of `sourceArguments` for the gradient. */
export const gradientArguments = (
  values: Readonly<Record<SourceArgument, number>>,
): Record<GradientArgument, number> =>
  Object.fromEntries(SOURCE_ARGS.map((name) => [gradientName(name), values[name]])) as Record<
    GradientArgument,
    number
  >;

/** Arguments of the kernel: addresses, distances in bytes, and counts. */
export const WINOGRAD_GRADIENT_ARGS = [
  ...SOURCE_ARGS,
  ...SOURCE_ARGS.map(gradientName),
  'target',
  'own',
  'ownBytes',
  /** From one place to the next: of the gradient, of the inputs, and of the sums. */
  'leftBytes',
  'rightBytes',
  'sumBytes',
  'copyBytes',
  'groups',
  'images',
  'chunkImages',
  'chunkBytes',
  'together',
  'tileRows',
  'stripRows',
  'tileColumns',
  /** Rows and columns of a block of the sums: channels of the gradient, and planes. */
  'blockRows',
  'blockColumns',
  'rowBlocks',
  'columnBlocks',
  'rowBytes',
  'gradientRowBytes',
] as const;

/** Bytes of scratch memory for each thread. */
export const winogradGradientBytes = (
  { tile }: GradientVariant,
  parts: { readonly [name in 'leftBytes' | 'rightBytes' | 'sumBytes']: number } & { readonly copies: number },
): number =>
  spareBytes(tile) +
  VECTOR * PLACES +
  PLACES * (parts.leftBytes + parts.rightBytes + parts.sumBytes) +
  parts.copies;

/** A kernel whose pieces are blocks of the weights' gradients, summed over a chunk of the images. */
export function encodeWinogradGradient(variant: GradientVariant, pages: number): Uint8Array<ArrayBuffer> {
  const { scheme, tile, padded, gradientPadded } = variant;
  const module = new KernelModule();
  const readSource = stripReader(module, padded);
  const readGradient = stripReader(module, gradientPadded);
  const multiply = multiplyPanels(module, tile);
  const { results } = scheme;
  const ofSource = transformPlanes(module, { read: SIDE, results, width: tile.columns }, inputTransform);
  const ofGradient = transformPlanes(module, { read: results, results, width: tile.rows }, gradientTransform);
  const finish = transformSums(module, scheme);
  module.run(WINOGRAD_GRADIENT_ARGS, (routine, p) => {
    const gradient = Object.fromEntries(SOURCE_ARGS.map((name) => [name, p[gradientName(name)]])) as Record<
      SourceArgument,
      Variable
    >;
    const spare = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    const lines = routine.let(add(spare, spareBytes(tile)));
    const lefts = routine.let(add(lines, VECTOR * PLACES));
    const rights = routine.let(add(lefts, mul(p.leftBytes, PLACES)));
    const sums = routine.let(add(rights, mul(p.rightBytes, PLACES)));
    const copy = routine.let(add(sums, mul(p.sumBytes, PLACES)));
    const gradientCopy = routine.let(add(copy, p.copyBytes));
    routine.for(p.from, p.to, 1, (piece) => {
      const firstColumn = routine.let(mul(rem(piece, p.columnBlocks), p.blockColumns));
      const second = routine.let(div(piece, p.columnBlocks));
      const firstRow = routine.let(mul(rem(second, p.rowBlocks), p.blockRows));
      const third = routine.let(div(second, p.rowBlocks));
      const group = routine.let(rem(third, p.groups));
      const chunk = routine.let(div(third, p.groups));
      const rows = routine.let(min(p.blockRows, sub(gradient.planes, firstRow)));
      const columns = routine.let(min(p.blockColumns, sub(p.planes, firstColumn)));
      const start = routine.let(mul(chunk, p.chunkImages));
      const end = routine.let(min(p.images, add(start, p.chunkImages)));
      const wholeColumns = routine.let(mul(div(add(columns, tile.columns - 1), tile.columns), tile.columns));
      const beta = routine.let(0);
      routine.for(start, end, p.together, (firstImage) => {
        const images = routine.let(min(p.together, sub(end, firstImage)));
        routine.for(0, p.tileRows, p.stripRows, (tileRow) => {
          const tileRows = routine.let(min(p.stripRows, sub(p.tileRows, tileRow)));
          const tiles = routine.let(mul(tileRows, p.tileColumns));
          const all = routine.let(mul(tiles, images));
          routine.for(0, images, 1, (n) => {
            const part = {
              image: add(firstImage, n),
              group,
              row: mul(tileRow, scheme.results),
              rows: mul(tileRows, scheme.results),
            };
            const place = mul(n, tiles);
            const common = [tileRows, p.tileColumns, place, all, lines] as const;
            const source = readSource(routine, p, copy, {
              ...part,
              firstPlane: firstColumn,
              planes: columns,
            });
            const plane = padded ? p.stripPlane : p.sourcePlane;
            const from = add(source, mul(firstColumn, plane));
            routine.call(ofSource, rights, p.rightBytes, from, plane, p.rowBytes, columns, ...common);
            const slope = readGradient(routine, gradient, gradientCopy, {
              ...part,
              firstPlane: firstRow,
              planes: rows,
            });
            const slopePlane = gradientPadded ? gradient.stripPlane : gradient.sourcePlane;
            routine.call(
              ofGradient,
              lefts,
              p.leftBytes,
              add(slope, mul(firstRow, slopePlane)),
              slopePlane,
              p.gradientRowBytes,
              rows,
              ...common,
            );
          });
          const [left, right, to] = [routine.let(lefts), routine.let(rights), routine.let(sums)];
          routine.for(0, PLACES, 1, () => {
            const steps = [left, right, to, mul(p.blockColumns, 4), bitsOf(1), beta, spare] as const;
            routine.call(multiply, rows, wholeColumns, all, ...steps);
            routine.step(left, p.leftBytes);
            routine.step(right, p.rightBytes);
            routine.step(to, p.sumBytes);
          });
          routine.set(beta, bitsOf(1));
        });
      });
      const weight = routine.let(add(mul(add(mul(group, gradient.planes), firstRow), p.planes), firstColumn));
      routine.call(
        finish,
        add(p.target, mul(chunk, p.chunkBytes), mul(weight, 4 * scheme.kernel ** 2)),
        mul(p.planes, 4 * scheme.kernel ** 2),
        sums,
        p.sumBytes,
        mul(p.blockColumns, 4),
        rows,
        columns,
        lines,
      );
    });
  });
  return module.encodeFor(pages);
}

/** One row of `width` numbers of four planes: number j of each plane, for every j. */
function readLine(routine: Routine, planes: readonly Variable[], width: number): Line {
  const { code } = routine;
  const four = (from: number, instruction: number = V.load): [number, number, number, number] => {
    const [a, b, c, d] = planes.map((plane) => routine.load(plane, 4 * from, instruction));
    return [a!, b!, c!, d!];
  };
  const halves = (from: number): number[] => transpose(code, four(from, V.load64Zero)).slice(0, 2);
  if (width === 2) return halves(0);
  return [...transpose(code, four(0)), ...(width === SIDE ? halves(4) : [])];
}

/**
 * `(to, placeBytes, from, planeBytes, rowBytes, planes, tileRows, tileColumns, first, tiles, lines)`: transforms the tiles of
 * some planes, into panels for each place; the first one is tile number `first` of `tiles`.
 *
 * @param read side of what is read of a tile
 * @param results distance between tiles
 * @param width planes of a panel
 */
function transformPlanes(
  module: KernelModule,
  { read, results, width }: { readonly read: number; readonly results: number; readonly width: number },
  transformOf: (routine: Routine) => Transform,
): Routine {
  return module.define(
    11,
    (
      routine,
      to,
      placeBytes,
      from,
      planeBytes,
      rowBytes,
      planes,
      tileRows,
      tileColumns,
      first,
      tiles,
      lines,
    ) => {
      const transform = transformOf(routine);
      const placeRow = routine.let(mul(placeBytes, SIDE));
      routine.for(0, planes, LANES, (plane) => {
        // Planes beyond the last one are not used, but nothing may be read there.
        const tops = Array.from({ length: LANES }, (_, lane) =>
          routine.let(add(from, mul(min(add(plane, lane), sub(planes, 1)), planeBytes))),
        );
        const place = routine.let(
          add(
            to,
            mul(mul(div(plane, width), tiles), 4 * width),
            mul(first, 4 * width),
            mul(rem(plane, width), 4),
          ),
        );
        routine.for(0, tileRows, 1, () => {
          const cells = tops.map((top) => routine.let(top));
          routine.for(0, tileColumns, 1, () => {
            const starts = cells.map((cell) => routine.let(cell));
            const line = routine.let(lines);
            routine.for(0, read, 1, () => {
              transform(readLine(routine, starts, read)).forEach((value, j) => {
                routine.save(line, value, VECTOR * j);
              });
              for (const start of starts) routine.step(start, rowBytes);
              routine.step(line, VECTOR * SIDE);
            });
            const column = routine.let(place);
            routine.for(lines, add(lines, VECTOR * SIDE), VECTOR, (of) => {
              const at = routine.let(column);
              const values = Array.from({ length: read }, (_, i) => routine.load(of, VECTOR * SIDE * i));
              for (const value of transform(values)) {
                routine.save(at, value);
                routine.step(at, placeRow);
              }
              routine.step(column, placeBytes);
            });
            for (const cell of cells) routine.step(cell, 4 * results);
            routine.step(place, 4 * width);
          });
          for (const top of tops) routine.step(top, mul(rowBytes, results));
        });
      });
    },
  );
}

/**
 * `(to, rowBytes, from, placeBytes, stepFrom, rows, columns, lines)`: Gᵀ s G of the sums s of each kernel, into rows of
 * kernels.
 */
function transformSums(module: KernelModule, scheme: Scheme): Routine {
  const { kernel } = scheme;
  return module.define(8, (routine, to, rowBytes, from, placeBytes, stepFrom, rows, columns, lines) => {
    const transform = kernelTransform(routine, scheme);
    const placeRow = routine.let(mul(placeBytes, SIDE));
    routine.for(0, rows, 1, () => {
      const source = routine.let(from);
      const target = routine.let(to);
      routine.for(0, columns, LANES, (column) => {
        const first = routine.let(source);
        transformColumns(routine, transform, { at: first, placeBytes, placeRow, lines });
        const line = routine.let(lines);
        const place = routine.let(target);
        const left = routine.let(sub(columns, column));
        routine.for(0, kernel, 1, () => {
          transform(loadLine(routine, line, VECTOR)).forEach((value, j) => {
            for (let lane = 0; lane < LANES; lane++)
              routine.if(less(lane, left), () =>
                routine.saveLane(place, value, lane, 4 * (lane * kernel ** 2 + j)),
              );
          });
          routine.step(line, VECTOR * SIDE);
          routine.step(place, 4 * kernel);
        });
        routine.step(source, VECTOR);
        routine.step(target, LANES * 4 * kernel ** 2);
      });
      routine.step(from, stepFrom);
      routine.step(to, rowBytes);
    });
  });
}
