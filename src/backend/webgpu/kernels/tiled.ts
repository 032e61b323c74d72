import { entry } from './map.js';
import {
  declarations,
  each,
  knownColumns,
  opened,
  type Product,
  Sums,
  started,
  type Tile,
  withRuns,
} from './product.js';
import type { Program } from './program.js';

/** A tile that a workgroup computes through workgroup memory. */
export interface SharedTile extends Tile {
  /** What each lane computes of it. */
  readonly lane: Tile;
  /** Steps of the innermost loop whose elements are in workgroup memory at a time. */
  readonly depth: number;
  /** Whether elements and the sums of these steps are float16. */
  readonly half?: boolean;
}

const lanesOf = ({ rows, columns, lane }: SharedTile): [down: number, across: number] => [
  rows / lane.rows,
  columns / lane.columns,
];

/** Lanes of a tile's workgroup. */
export const lanesIn = (tile: SharedTile): number => lanesOf(tile)[0] * lanesOf(tile)[1];

/** Bytes of workgroup memory of a tile. */
export const sharedBytes = ({ rows, columns, depth, half }: SharedTile): number =>
  (half ? 2 : 4) * depth * (rows + columns);

/** A product whose elements of A and B are read once for each workgroup, through workgroup memory. */
export function tiledProduct(whole: Product, tile: SharedTile): Program {
  const product = withRuns(whole);
  const { rows, left, right, close, from, inner } = product;
  const { lane: own, depth, half = false } = tile;
  const [down, across] = lanesOf(tile);
  const lanes = down * across;
  const { name, first, end } = inner;
  const sums = new Sums(own, half, product.long);
  const type = half ? 'f16' : 'f32';
  const stored = (value: string): string => (half ? `f16(${value})` : value);
  // Each lane reads one column of B; its rows of A lie one behind the other along the sum.
  const body = `
  let top = (group.y + ${from[1]}) * ${tile.rows}u;
  let side = (group.x + ${from[0]}) * ${tile.columns}u;
  let down = lane / ${across}u;
  let across = lane % ${across}u;
  ${started(product)}
  ${knownColumns(product, 1, `side + lane % ${tile.columns}u`)}
  ${sums.declared}
  ${opened(product, 1)}
  for (var begin = ${first}; begin < ${end}; begin += ${depth}u) {
    for (var e = lane; e < ${tile.rows * depth}u; e += ${lanes}u) {
      let ${name} = begin + e % ${depth}u;
      let row = min(top + e / ${depth}u, ${rows} - 1u);
      var a = 0f;
      if (${name} < ${end}) { a = ${left('row')}; }
      sharedA[e % ${depth}u * ${tile.rows}u + e / ${depth}u] = ${stored('a')};
    }
    for (var step = lane / ${tile.columns}u; step < ${depth}u; step += ${lanes / tile.columns}u) {
      let ${name} = begin + step;
      var b = 0f;
      if (${name} < ${end}) { b = ${right(0)}; }
      sharedB[step * ${tile.columns}u + lane % ${tile.columns}u] = ${stored('b')};
    }
    workgroupBarrier();
    ${sums.begun}
    for (var step = 0u; step < ${depth}u; step++) {
      ${sums.columns((n) => `sharedB[step * ${tile.columns}u + across + ${n * across}u]`)}
      ${each(own.rows, (r) => sums.add(r, `sharedA[step * ${tile.rows}u + down + ${r * down}u]`))}
    }
    ${sums.ended}
    workgroupBarrier();
  }
  ${sums.flushed}
  ${close}
  ${sums.stored(product, `top + down + r * ${down}u`, `side + across + n * ${across}u`)}`;
  return {
    kernel: `${product.kernel}, ${tile.rows}×${tile.columns} in workgroup memory${half ? `, sums of ${depth} in float16` : ''}`,
    inputs: product.inputs,
    outputs: Array(product.outputs ?? 1).fill('float32'),
    params: product.params,
    code: `${declarations(product)}
var<workgroup> sharedA: array<${type}, ${tile.rows * depth}>;
var<workgroup> sharedB: array<${type}, ${tile.columns * depth}>;
${entry(body, lanes)}`,
  };
}
