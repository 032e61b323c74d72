import { entry } from './map.js';
import {
  declarations,
  each,
  innerLoop,
  knownColumns,
  opened,
  type Product,
  Sums,
  started,
  type Tile,
  withRuns,
} from './product.js';
import type { Program } from './program.js';

/** Lanes of a workgroup, which lie beside each other along the columns. */
export const LANES = 32;

/** A product in registers, a tile for each lane: the kernel that others are compared with. */
export function directProduct(whole: Product, tile: Tile): Program {
  const product = withRuns(whole);
  const { rows, columns, left, right, close, from } = product;
  const sums = new Sums(tile, false, product.long);
  const body = `
  let row = (group.y + ${from[1]}) * ${tile.rows}u;
  let first = ((group.x + ${from[0]}) * ${LANES}u + lane) * ${tile.columns}u;
  if (first >= ${columns} || row >= ${rows}) { return; }
  ${started(product)}
  ${each(tile.rows, (r) => `let row${r} = min(row + ${r}u, ${rows} - 1u);`)}
  ${knownColumns(product, tile.columns, 'first + q')}
  ${sums.declared}
  ${opened(product, tile.columns)}
  ${innerLoop(
    product,
    1,
    `${sums.columns(right)}
    ${each(tile.rows, (r) => sums.add(r, left(`row${r}`)))}`,
  )}
  ${sums.flushed}
  ${close}
  ${sums.stored(product, 'row + r', 'first + n')}`;
  return {
    kernel: `${product.kernel}, ${tile.rows}×${tile.columns}`,
    inputs: product.inputs,
    outputs: Array(product.outputs ?? 1).fill('float32'),
    params: product.params,
    code: `${declarations(product)}\n${entry(body, LANES)}`,
  };
}

/** Workgroups of a product whose lanes lie along the columns, as the sizes of the first two dimensions. */
export const directGroups = (rows: number, columns: number, tile: Tile): [number, number] => [
  Math.ceil(columns / (LANES * tile.columns)),
  Math.ceil(rows / tile.rows),
];
