import { V } from '../../../webassembly/instructions.js';
import { add, bitsOf, div, less, min, mul, type Routine, rem, sub } from '../../../webassembly/terms.js';
import type { Epilogue } from '../gemm/epilogue.js';
import { multiplyPanels, spareBytes, type Tile } from '../gemm/micro.js';
import { KernelModule } from '../kernel-module.js';
import { render } from '../render.js';
import { EVEN } from './patches.js';
import { SOURCE_ARGS, stripReader } from './strip.js';

/*
 * Winograd's minimal filtering F(2 × 2, 3 × 3) (Lavin and Gray 2015, arXiv:1509.09308, section 4.1): a tile of 2 × 2
 * results is Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A for the 4 × 4 numbers d that it reads, with 16 products instead of 36. Summed over
 * planes, the products at each of the 16 places are one matrix product. Four neighbouring tiles are one vector.
 */

/** Places of a transformed tile. */
export const PLACES = 16;
/** Tiles of a panel of the right operand, which is the tile of the matrix product. */
const PANEL = 8;
const ODD = EVEN.map((byte) => byte + 4);
/** The first, or the last, two numbers of two vectors in turn. */
const [LOW, HIGH] = [
  [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23],
  [8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31],
];

type Combine = (a: number, b: number) => number;

/** Emits sums and differences of vectors into new variables. */
function arithmetic({ code }: Routine): { plus: Combine; minus: Combine } {
  const emit =
    (instruction: number): Combine =>
    (a, b) => {
      const result = code.vector();
      code.get(a).get(b).v(instruction).set(result);
      return result;
    };
  return { plus: emit(V.f32Add), minus: emit(V.f32Sub) };
}

type Line = readonly [number, number, number, number];
const columnsOf = (rows: readonly Line[]): number[][] => [0, 1, 2, 3].map((j) => rows.map((row) => row[j]!));

/** Bᵀ · d for one column of d. */
const inputLine = ({ plus, minus }: ReturnType<typeof arithmetic>, [a, b, c, d]: readonly number[]): Line => [
  minus(a!, c!),
  plus(b!, c!),
  minus(c!, b!),
  minus(b!, d!),
];

/** Aᵀ · m for one column of m. */
const resultLine = (
  { plus, minus }: ReturnType<typeof arithmetic>,
  [a, b, c, d]: readonly number[],
): [number, number] => [plus(plus(a!, b!), c!), minus(minus(b!, c!), d!)];

/** Arguments of the kernel that transforms and packs weights; `groupBytes` is the size of a group's packed weights. */
export const WINOGRAD_WEIGHT_ARGS = [
  'source',
  'target',
  'group',
  'stepI',
  'planeStep',
  'planes',
  'count',
  'placeBytes',
] as const;

/**
 * A kernel whose pieces are the output channels of all groups: G g Gᵀ, packed into panels of `width` channels for each of
 * the 16 places.
 *
 * @param taps offsets in bytes of the nine weights of a plane, row by row
 */
export function encodeWinogradWeights(
  width: number,
  taps: readonly number[],
  pages: number,
): Uint8Array<ArrayBuffer> {
  const module = new KernelModule();
  module.run(WINOGRAD_WEIGHT_ARGS, (routine, p) => {
    const { code } = routine;
    const { plus, minus } = arithmetic(routine);
    const half = (value: number): number => {
      const result = code.vector();
      code.get(value).f32(0.5).v(V.f32Mul).set(result);
      return result;
    };
    /** G · g for one column of g. */
    const line = ([a, b, c]: readonly number[]): Line => {
      const sides = plus(a!, c!);
      return [a!, half(plus(sides, b!)), half(minus(sides, b!)), c!];
    };
    routine.for(p.from, p.to, 1, (piece) => {
      const group = routine.let(div(piece, p.count));
      const channel = routine.let(rem(piece, p.count));
      const from = routine.let(add(p.source, mul(group, p.group), mul(channel, p.stepI)));
      const to = routine.let(
        add(
          p.target,
          mul(group, mul(p.placeBytes, PLACES)),
          mul(mul(div(channel, width), p.planes), 4 * width),
          mul(rem(channel, width), 4),
        ),
      );
      routine.for(0, p.planes, 1, () => {
        const weights = taps.map((tap) => routine.load(from, tap, V.load32Splat));
        const columns = [0, 1, 2].map((j) => line([weights[j]!, weights[3 + j]!, weights[6 + j]!]));
        const rows = [0, 1, 2, 3].map((i) => line(columns.map((column) => column[i]!)));
        const place = routine.let(to);
        for (const value of rows.flat()) {
          routine.saveLane(place, value);
          routine.step(place, p.placeBytes);
        }
        routine.step(from, p.planeStep);
        routine.step(to, 4 * width);
      });
    });
  });
  return module.encodeFor(pages);
}

/** Variants of the kernel. */
export interface WinogradVariant {
  readonly tile: Tile;
  readonly padded: boolean;
  readonly epilogue: Epilogue;
}

/** Arguments of the kernel: addresses, distances in bytes, and counts. */
export const WINOGRAD_ARGS = [
  ...SOURCE_ARGS,
  'weights',
  'placeBytes',
  'target',
  'bias',
  'own',
  'ownBytes',
  'groups',
  'strips',
  /** Rows of tiles: of the image, and of a strip. */
  'tileRows',
  'stripRows',
  /** Tiles of a row, a multiple of four, and the most tiles of a strip, a multiple of a panel. */
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
  { tile, padded }: WinogradVariant,
  { planes, m, most, strip }: { planes: number; m: number; most: number; strip: number },
): number => spareBytes(tile) + 4 * PLACES * most * (planes + m) + (padded ? planes * strip : 0);

/** A kernel whose pieces are strips of a group's results in one image. */
export function encodeWinograd(variant: WinogradVariant, pages: number): Uint8Array<ArrayBuffer> {
  const { tile, padded, epilogue } = variant;
  const module = new KernelModule();
  const readStrip = stripReader(module, padded);
  const multiply = multiplyPanels(module, tile);
  const transform = transformInput(module);
  const finish = transformResult(module, epilogue);
  module.run(WINOGRAD_ARGS, (routine, p) => {
    const spare = routine.let(add(p.own, mul(p.thread, p.ownBytes)));
    const inputs = routine.let(add(spare, spareBytes(tile)));
    const inputBytes = routine.let(mul(mul(p.most, p.planes), 4));
    const results = routine.let(add(inputs, mul(inputBytes, PLACES)));
    const resultBytes = routine.let(mul(mul(p.most, p.m), 4));
    const memory = routine.let(add(results, mul(resultBytes, PLACES)));
    routine.for(p.from, p.to, 1, (piece) => {
      const firstRow = routine.let(mul(rem(piece, p.strips), p.stripRows));
      const second = routine.let(div(piece, p.strips));
      const group = routine.let(rem(second, p.groups));
      const image = routine.let(div(second, p.groups));
      const tileRows = routine.let(min(p.stripRows, sub(p.tileRows, firstRow)));
      const row = routine.let(mul(firstRow, 2));
      const base = readStrip(routine, p, memory, {
        image,
        group,
        row,
        rows: mul(tileRows, 2),
        firstPlane: 0,
        planes: p.planes,
      });
      const planeBytes = padded ? p.stripPlane : p.sourcePlane;
      routine.call(
        transform,
        inputs,
        inputBytes,
        base,
        planeBytes,
        p.rowBytes,
        p.planes,
        tileRows,
        p.tileColumns,
      );
      const left = routine.let(add(p.weights, mul(group, mul(p.placeBytes, PLACES))));
      const right = routine.let(inputs);
      const to = routine.let(results);
      routine.for(0, PLACES, 1, () => {
        const tiles = mul(tileRows, p.tileColumns);
        routine.call(
          multiply,
          ...[p.m, tiles, p.planes, left, right, to, mul(p.most, 4), bitsOf(1), 0, spare],
        );
        routine.step(left, p.placeBytes);
        routine.step(right, inputBytes);
        routine.step(to, resultBytes);
      });
      const plane = routine.let(mul(group, p.m));
      routine.call(
        finish,
        add(p.target, mul(image, p.targetImage), mul(plane, p.targetPlane), mul(row, p.targetRow)),
        p.targetPlane,
        p.targetRow,
        results,
        resultBytes,
        mul(p.most, 4),
        p.m,
        tileRows,
        p.tileColumns,
        sub(p.rows, row),
        p.columns,
        add(p.bias, mul(plane, 4)),
      );
    });
  });
  return module.encodeFor(pages);
}

/**
 * `(to, placeBytes, from, planeBytes, rowBytes, planes, tileRows, tileColumns)`: Bᵀ d B of each tile, packed into panels for
 * each of the 16 places.
 */
const transformInput = (module: KernelModule): Routine =>
  module.define(8, (routine, to, placeBytes, from, planeBytes, rowBytes, planes, tileRows, tileColumns) => {
    const { code } = routine;
    const math = arithmetic(routine);
    const shuffled = (a: number, b: number, bytes: readonly number[]): number => {
      const result = code.vector();
      code.get(a).get(b).shuffle(bytes).set(result);
      return result;
    };
    routine.for(0, planes, 1, (plane) => {
      const tile = routine.let(0);
      const top = routine.let(from);
      routine.for(0, tileRows, 1, () => {
        const cell = routine.let(top);
        routine.for(0, tileColumns, 4, () => {
          // Number j of the four tiles' rows: every second number from j on.
          const rows = [0, 1, 2, 3].map((i): Line => {
            const start = routine.let(add(cell, mul(rowBytes, i)));
            const [a, b, c, d] = [0, 16, 8, 24].map((offset) => routine.load(start, offset)) as [
              number,
              number,
              number,
              number,
            ];
            return [shuffled(a, b, EVEN), shuffled(a, b, ODD), shuffled(c, d, EVEN), shuffled(c, d, ODD)];
          });
          const columns = columnsOf(rows).map((column) => inputLine(math, column));
          const values = columnsOf(columns).map((line) => inputLine(math, line));
          const place = routine.let(
            add(
              to,
              mul(mul(div(tile, PANEL), planes), 4 * PANEL),
              mul(plane, 4 * PANEL),
              mul(rem(tile, PANEL), 4),
            ),
          );
          for (const value of values.flat()) {
            routine.save(place, value);
            routine.step(place, placeBytes);
          }
          routine.step(cell, 32);
          routine.step(tile, 4);
        });
        routine.step(top, mul(rowBytes, 2));
      });
      routine.step(from, planeBytes);
    });
  });

/**
 * `(to, planeBytes, rowBytes, from, placeBytes, stepFrom, count, tileRows, tileColumns, rows, columns, bias)`: Aᵀ m A of each
 * tile, with bias and activation, for `count` planes of rows × columns results.
 */
const transformResult = (module: KernelModule, { bias, activation }: Epilogue): Routine =>
  module.define(
    12,
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
      biasAt,
    ) => {
      const { code } = routine;
      const math = arithmetic(routine);
      const completed = (
        a: number,
        b: number,
        bytes: readonly number[],
        added: number | undefined,
      ): number => {
        const value = code.vector();
        code.get(a).get(b).shuffle(bytes);
        if (added !== undefined) code.get(added).v(V.f32Add);
        code.set(value);
        return activation ? render(code, activation, [value]) : value;
      };
      routine.for(0, count, 1, () => {
        const added = bias && routine.load(biasAt, 0, V.load32Splat);
        const source = routine.let(from);
        const top = routine.let(to);
        const rowsLeft = routine.let(rows);
        routine.for(0, tileRows, 1, () => {
          const place = routine.let(top);
          const left = routine.let(columns);
          routine.for(0, tileColumns, 4, () => {
            const at = routine.let(source);
            const m = [0, 1, 2, 3].map(
              () =>
                [0, 1, 2, 3].map(() => {
                  const value = routine.load(at);
                  routine.step(at, placeBytes);
                  return value;
                }) as unknown as Line,
            );
            const lines = columnsOf(m).map((column) => resultLine(math, column));
            for (const i of [0, 1] as const) {
              const [even, odd] = resultLine(
                math,
                lines.map((line) => line[i]),
              );
              const write = (): void => {
                const [low, high] = [completed(even, odd, LOW!, added), completed(even, odd, HIGH!, added)];
                const cell = routine.let(i === 0 ? place : add(place, rowBytes));
                routine.if(
                  less(7, left),
                  () => {
                    routine.save(cell, low);
                    routine.save(cell, high, 16);
                  },
                  () => {
                    for (let lane = 0; lane < 7; lane++)
                      routine.if(less(lane, left), () =>
                        routine.saveLane(cell, lane < 4 ? low : high, lane % 4, 4 * lane),
                      );
                  },
                );
              };
              if (i === 0) write();
              else routine.if(less(1, rowsLeft), write);
            }
            routine.step(source, 16);
            routine.step(place, 32);
            routine.step(left, -8);
          });
          routine.step(top, mul(rowBytes, 2));
          routine.step(rowsLeft, -2);
        });
        routine.step(from, stepFrom);
        routine.step(to, planeBytes);
        if (bias) routine.step(biasAt, 4);
      });
    },
  );
