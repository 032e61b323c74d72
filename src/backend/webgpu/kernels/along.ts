import { together } from './joined.js';
import { entry, WORKGROUP } from './map.js';
import { declarations, each, knownColumns, type Product, Sums, started, type Tile } from './product.js';
import type { Program } from './program.js';

/**
 * A product of few rows whose lanes lie along the sum, so that they read elements of B that lie beside each other: for
 * layers whose weights are read once. The product must have no outer loops.
 */
export function alongProduct(product: Product, tile: Tile): Program {
  const { rows, columns, left, right, from, inner } = product;
  const { name, first, end } = inner;
  const sums = new Sums(tile);
  const body = `
  let row = (group.y + ${from[1]}) * ${tile.rows}u;
  let side = (group.x + ${from[0]}) * ${tile.columns}u;
  ${started(product)}
  ${each(tile.rows, (r) => `let row${r} = min(row + ${r}u, ${rows} - 1u);`)}
  ${knownColumns(product, tile.columns, 'side + q')}
  ${sums.declared}
  for (var ${name} = ${first} + lane; ${name} < ${end}; ${name} += ${WORKGROUP}u) {
    ${sums.columns(right)}
    ${each(tile.rows, (r) => sums.add(r, left(`row${r}`)))}
  }
  var sums = ${sums.all};
  for (var e = 0u; e < ${tile.rows * tile.columns}u; e++) {
    workgroupBarrier();
    let total = sums[e];
    ${together('sum', (a, b) => `${a} + ${b}`)}
    let m = row + e / ${tile.columns}u;
    let n = side + e % ${tile.columns}u;
    if (lane == 0u && m < ${rows} && n < ${columns}) { store(layer, part, m, n, sum); }
  }`;
  return {
    kernel: `${product.kernel}, ${tile.rows}×${tile.columns} along the sum`,
    inputs: product.inputs,
    outputs: Array(product.outputs ?? 1).fill('float32'),
    params: product.params,
    code: `${declarations(product)}
var<workgroup> shared_: array<f32, ${WORKGROUP}>;
${entry(body)}`,
  };
}
