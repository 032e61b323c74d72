import { LANES } from './direct.js';
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

/**
 * A product in registers, whose lanes read elements of A for each other: a lane reads A for one row of `size`, and passes
 * it to the lanes of its subgroup. Without this all lanes would read the same elements.
 *
 * @param size the smallest subgroup of the adapter; larger ones compute the same
 * @param unroll divides the number of steps of the innermost loop
 */
export function broadcastProduct(whole: Product, tile: Tile, size: number, unroll: number): Program {
  const product = withRuns(whole);
  const { rows, left, right, close, from } = product;
  const sums = new Sums(tile, false, product.long);
  // No lane returns early, since all lanes of a subgroup must take part.
  const body = `
  let row = (group.y + ${from[1]}) * ${tile.rows}u;
  let first = ((group.x + ${from[0]}) * ${LANES}u + lane) * ${tile.columns}u;
  ${started(product)}
  ${each(tile.rows / size, (j) => `let row${j} = min(row + ${j * size}u + member % ${size}u, ${rows} - 1u);`)}
  ${knownColumns(product, tile.columns, 'first + q')}
  ${sums.declared}
  ${opened(product, tile.columns)}
  ${innerLoop(
    product,
    unroll,
    `${sums.columns(right)}
    ${each(tile.rows / size, (j) => `let a${j} = ${left(`row${j}`)};`)}
    ${each(tile.rows, (r) => sums.add(r, `subgroupBroadcast(a${Math.floor(r / size)}, ${r % size}u)`))}`,
  )}
  ${sums.flushed}
  ${close}
  ${sums.stored(product, 'row + r', 'first + n')}`;
  return {
    kernel: `${product.kernel}, ${tile.rows}×${tile.columns}, subgroups of ${size}`,
    inputs: product.inputs,
    outputs: Array(product.outputs ?? 1).fill('float32'),
    params: product.params,
    enable: ['subgroups'],
    code: `${declarations(product)}\n${entry(body, LANES, '@builtin(subgroup_invocation_id) member: u32')}`,
  };
}
