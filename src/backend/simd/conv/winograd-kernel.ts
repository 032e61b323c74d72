import { V } from '../../../webassembly/instructions.js';
import {
  add,
  bitsOf,
  both,
  div,
  less,
  min,
  mul,
  type Routine,
  rem,
  sub,
  type Variable,
} from '../../../webassembly/terms.js';
import { completion, type Epilogue, EXTRA_ARGS, extraCount, extrasAt } from '../gemm/epilogue.js';
import { multiplyPanels, spareBytes, type Tile } from '../gemm/micro.js';
import { interleave, transpose } from '../gemm/transpose.js';
import { KernelModule } from '../kernel-module.js';
import { EVEN } from './patches.js';
import { SOURCE_ARGS, stripReader } from './strip.js';
import {
  inputTransform,
  type Line,
  loadLine,
  PLACES,
  resultTransform,
  type Scheme,
  SIDE,
  transformColumns,
  VECTOR,
} from './winograd-scheme.js';

/*
 * Summed over planes, the products at each place of a transformed tile are one matrix product. Four neighbouring tiles
 * are one vector, in one row of tiles or in several.
 */

/** Tiles of a panel of the right operand, which is the tile of the matrix product. */
export const PANEL = 8;
/** Memory for the lines of a block between its two transforms. */
export const LINE_BYTES = VECTOR * PLACES;

const ODD = EVEN.map((byte) => byte + 4);
const lanes = (...numbers: readonly number[]): number[] =>
  numbers.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte));
/** The last three numbers of a vector, then the first or the second number of another. */
const [NEXT_FIRST, NEXT_SECOND] = [lanes(1, 2, 3, 4), lanes(1, 2, 3, 5)];
const [FIRST_HALVES, SECOND_HALVES] = [lanes(0, 1, 4, 5), lanes(2, 3, 6, 7)];

/** Variants of the kernel. */
export interface WinogradVariant {
  readonly tile: Tile;
  readonly scheme: Scheme;
  readonly padded: boolean;
  /** Tiles of a vector that lie side by side; the others are in the rows of tiles below. */
  readonly across: 1 | 2 | 4;
  readonly epilogue: Epilogue;
}

/** Arguments of the kernel: addresses, distances in bytes, and counts. */
export const WINOGRAD_ARGS = [
  ...SOURCE_ARGS,
  'weights',
  /** From one place to the next: of the weights, of the transformed inputs, and of the products. */
  'weightBytes',
  'inputBytes',
  'resultBytes',
  'target',
  ...EXTRA_ARGS,
  'own',
  'ownBytes',
  'groups',
  'images',
  /** Images of a piece. */
  'together',
  'strips',
  /** Rows of tiles: of the image, and of a strip. */
  'tileRows',
  'stripRows',
  /** Tiles of a row, and the most tiles of a piece: a multiple of a panel. */
  'tileColumns',
  'most',
  'm',
  'rows',
  'columns',
  'rowBytes',
  'targetImage',
  'targetPlane',
  'targetRow',
] as const;

/** Bytes of scratch memory for each thread. */
export const winogradBytes = (
  { tile }: WinogradVariant,
  { inputBytes, resultBytes, strip }: { inputBytes: number; resultBytes: number; strip: number },
): number => spareBytes(tile) + LINE_BYTES + PLACES * (inputBytes + resultBytes) + strip;

/** A kernel whose pieces are strips of a group's results in one image, or several whole images. */
export function encodeWinograd(variant: WinogradVariant, pages: number): Uint8Array<ArrayBuffer> {
  const { tile, scheme, padded, epilogue } = variant;
  const module = new KernelModule();
  const readStrip = stripReader(module, padded);
  const multiply = multiplyPanels(module, tile);
  const transform = transformInput(module, variant);
  const finish = transformResult(module, variant);
  module.run(WINOGRAD_ARGS, (routine, p) => {
    const spare = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    const lines = routine.let(add(spare, spareBytes(tile)));
    const inputs = routine.let(add(lines, LINE_BYTES));
    const results = routine.let(add(inputs, mul(p.inputBytes, PLACES)));
    const memory = routine.let(add(results, mul(p.resultBytes, PLACES)));
    const stepResult = routine.let(mul(p.most, 4));
    routine.for(p.from, p.to, 1, (piece) => {
      const firstRow = routine.let(mul(rem(piece, p.strips), p.stripRows));
      const second = routine.let(div(piece, p.strips));
      const group = routine.let(rem(second, p.groups));
      const firstImage = routine.let(mul(div(second, p.groups), p.together));
      const images = routine.let(min(p.together, sub(p.images, firstImage)));
      const tileRows = routine.let(min(p.stripRows, sub(p.tileRows, firstRow)));
      const tiles = routine.let(mul(tileRows, p.tileColumns));
      const row = routine.let(mul(firstRow, scheme.results));
      routine.for(0, images, 1, (n) => {
        const base = readStrip(routine, p, memory, {
          image: add(firstImage, n),
          group,
          row,
          rows: mul(tileRows, scheme.results),
          firstPlane: 0,
          planes: p.planes,
        });
        routine.call(
          transform,
          inputs,
          p.inputBytes,
          base,
          padded ? p.stripPlane : p.sourcePlane,
          p.rowBytes,
          p.planes,
          tileRows,
          p.tileColumns,
          mul(n, tiles),
          lines,
        );
      });
      const left = routine.let(add(p.weights, mul(group, mul(p.weightBytes, PLACES))));
      const right = routine.let(inputs);
      const to = routine.let(results);
      // Whole panels: what lies beyond the last tile is not used.
      const columns = routine.let(mul(div(add(mul(tiles, images), PANEL - 1), PANEL), PANEL));
      routine.for(0, PLACES, 1, () => {
        routine.call(multiply, p.m, columns, p.planes, left, right, to, stepResult, bitsOf(1), 0, spare);
        routine.step(left, p.weightBytes);
        routine.step(right, p.inputBytes);
        routine.step(to, p.resultBytes);
      });
      const plane = routine.let(mul(group, p.m));
      routine.for(0, images, 1, (n) => {
        routine.call(
          finish,
          add(
            p.target,
            mul(add(firstImage, n), p.targetImage),
            mul(plane, p.targetPlane),
            mul(row, p.targetRow),
          ),
          p.targetPlane,
          p.targetRow,
          add(results, mul(mul(n, tiles), 4)),
          p.resultBytes,
          stepResult,
          p.m,
          tileRows,
          p.tileColumns,
          sub(p.rows, row),
          p.columns,
          lines,
          ...extrasAt(epilogue, p, { row: plane, column: 0 }),
        );
      });
    });
  });
  return module.encodeFor(pages);
}

function shuffled({ code }: Routine, a: number, b: number, bytes: readonly number[]): number {
  const result = code.vector();
  code.get(a).get(b).shuffle(bytes).set(result);
  return result;
}

/**
 * One row of the four tiles of a vector: number j of each tile, for every j.
 * @param starts where this row begins in the first tile of each of the vector's rows of tiles
 */
function readLine(routine: Routine, { scheme, across }: WinogradVariant, starts: readonly Variable[]): Line {
  const { code } = routine;
  const { results } = scheme;
  const [start] = starts as [Variable];
  if (across === 4 && results === 2)
    return [0, 8, 16].flatMap((offset) => {
      const [low, high] = [routine.load(start, offset), routine.load(start, offset + 16)];
      return [EVEN, ODD].map((bytes) => shuffled(routine, low, high, bytes));
    });
  if (across === 4) {
    const columns = transpose(
      code,
      fourOf((tile) => routine.load(start, 16 * tile)),
    );
    // Each tile's last two numbers are the first two of the next one.
    const next = routine.load(start, 64, V.load64Zero);
    const [first, second] = columns as [number, number];
    return [
      ...columns,
      shuffled(routine, first, next, NEXT_FIRST),
      shuffled(routine, second, next, NEXT_SECOND),
    ];
  }
  const load = (tile: number, from: number, instruction: number = V.load): number =>
    routine.load(starts[Math.floor(tile / across)]!, 4 * (results * (tile % across) + from), instruction);
  const columns = transpose(
    code,
    fourOf((tile) => load(tile, 0)),
  );
  const [a, b, c, d] = fourOf((tile) => load(tile, 4, V.load64Zero));
  const [low, high] = [interleave(code, a, b)[0], interleave(code, c, d)[0]];
  return [
    ...columns,
    shuffled(routine, low, high, FIRST_HALVES),
    shuffled(routine, low, high, SECOND_HALVES),
  ];
}

const fourOf = (load: (tile: number) => number): [number, number, number, number] => [
  load(0),
  load(1),
  load(2),
  load(3),
];

/**
 * `(to, placeBytes, from, planeBytes, rowBytes, planes, tileRows, tileColumns, first, lines)`: Bᵀ d B of each tile, packed
 * into panels for each place, from tile number `first` of the panels on. `lines` is memory for one block.
 */
function transformInput(module: KernelModule, variant: WinogradVariant): Routine {
  const { scheme, across } = variant;
  const down = 4 / across;
  return module.define(
    10,
    (routine, to, placeBytes, from, planeBytes, rowBytes, planes, tileRows, tileColumns, first, lines) => {
      const transform = inputTransform(routine);
      const placeRow = routine.let(mul(placeBytes, SIDE));
      routine.for(0, planes, 1, (plane) => {
        const tile = routine.let(first);
        const top = routine.let(from);
        routine.for(0, tileRows, down, () => {
          const cell = routine.let(top);
          routine.for(0, tileColumns, across, () => {
            const starts = Array.from({ length: down }, (_, d) =>
              routine.let(add(cell, mul(rowBytes, scheme.results * d))),
            );
            const line = routine.let(lines);
            routine.for(0, SIDE, 1, () => {
              transform(readLine(routine, variant, starts)).forEach((value, j) => {
                routine.save(line, value, VECTOR * j);
              });
              for (const start of starts) routine.step(start, rowBytes);
              routine.step(line, VECTOR * SIDE);
            });
            const place = routine.let(
              add(
                to,
                mul(mul(div(tile, PANEL), planes), 4 * PANEL),
                mul(plane, 4 * PANEL),
                mul(rem(tile, PANEL), 4),
              ),
            );
            routine.for(lines, add(lines, VECTOR * SIDE), VECTOR, (column) => {
              const at = routine.let(place);
              for (const value of transform(loadLine(routine, column, VECTOR * SIDE))) {
                routine.save(at, value);
                routine.step(at, placeRow);
              }
              routine.step(place, placeBytes);
            });
            routine.step(cell, 4 * scheme.results * across);
            routine.step(tile, 4);
          });
          routine.step(top, mul(rowBytes, scheme.results * down));
        });
        routine.step(from, planeBytes);
      });
    },
  );
}

/**
 * `(to, planeBytes, rowBytes, from, placeBytes, stepFrom, count, tileRows, tileColumns, rows, columns, lines, …)`: Aᵀ m A of
 * each tile, with the epilogue, for `count` planes of rows × columns results. `lines` is memory for one block; the numbers of
 * `extrasAt` follow.
 */
function transformResult(module: KernelModule, { scheme, across, epilogue }: WinogradVariant): Routine {
  const { results } = scheme;
  const [down, run] = [4 / across, results * across];
  return module.define(
    12 + extraCount(epilogue),
    (
      routine,
      to,
      planeBytes,
      rowBytes,
      from,
      placeBytes,
      stepFrom,
      count,
      tileRows,
      tileColumns,
      rows,
      columns,
      lines,
      ...extras: readonly Variable[]
    ) => {
      const { code } = routine;
      const transform = resultTransform(routine, scheme);
      const placeRow = routine.let(mul(placeBytes, SIDE));
      const { startRow, apply } = completion(routine, epilogue, extras);
      /** Stores four results, of which the first `left` belong to the image. */
      const write = (place: Variable, left: Variable, sums: number): void => {
        const each = (visit: (lane: number) => void): void => {
          for (let lane = 0; lane < 3; lane++) routine.if(less(lane, left), () => visit(lane));
        };
        routine.if(
          less(3, left),
          () =>
            routine.save(
              place,
              apply(sums, place, 0, (address) => routine.load(address)),
            ),
          () => {
            const value = apply(sums, place, 0, (address) => {
              const part = code.vector();
              each((lane) =>
                routine
                  .push(address)
                  .get(part)
                  .memory(V.load32Lane, 4 * lane, lane)
                  .set(part),
              );
              return part;
            });
            each((lane) => routine.saveLane(place, value, lane, 4 * lane));
          },
        );
      };
      routine.for(0, count, 1, (plane) => {
        startRow(plane);
        const source = routine.let(from);
        const top = routine.let(to);
        const rowsLeft = routine.let(rows);
        routine.for(0, tileRows, down, () => {
          const place = routine.let(top);
          const left = routine.let(columns);
          routine.for(0, tileColumns, across, () => {
            const product = routine.let(source);
            transformColumns(routine, transform, { at: product, placeBytes, placeRow, lines });
            const line = routine.let(lines);
            const start = routine.let(place);
            routine.for(0, results, 1, (row) => {
              const sums = transform(loadLine(routine, line, VECTOR));
              const vectors =
                results === 4
                  ? transpose(code, sums as unknown as [number, number, number, number])
                  : interleave(code, sums[0]!, sums[1]!);
              vectors.forEach((vector, k) => {
                const [below, column] = [Math.floor((4 * k) / run) * results, (4 * k) % run];
                const cell = routine.let(add(start, mul(rowBytes, below), 4 * column));
                const visible = routine.let(sub(left, column));
                routine.if(both(less(add(row, below), rowsLeft), less(0, visible)), () =>
                  write(cell, visible, vector),
                );
              });
              routine.step(line, VECTOR * SIDE);
              routine.step(start, rowBytes);
            });
            routine.step(source, VECTOR);
            routine.step(place, 4 * run);
            routine.step(left, -run);
          });
          routine.step(top, mul(rowBytes, results * down));
          routine.step(rowsLeft, -results * down);
        });
        routine.step(from, stepFrom);
        routine.step(to, planeBytes);
      });
    },
  );
}
