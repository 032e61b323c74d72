import { entry } from './map.js';
import { type Program, param } from './program.js';

/** Columns that lie beside each other are computed by the lanes of a workgroup; each lane has a tile of this size. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
}

/** Lanes of a workgroup. */
const LANES = 32;

const each = (count: number, text: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => text(n)).join('\n');

/**
 * A sum of products C[m, n] = Σ_k A[m, k] · B[k, n], for each layer. The code of the operands describes how A and B are
 * read from values: so convolutions and their gradients are products too, without copies.
 */
export interface Product {
  readonly kernel: string;
  readonly inputs: number;
  /** WGSL for the number of rows and of columns, the number of parts of the sum, and the layers besides parts. */
  readonly rows: string;
  readonly columns: string;
  readonly parts: string;
  readonly params: number;
  /** Declarations of the kernel's functions. */
  readonly declarations?: string;
  /** Statements at the start: `layer` and `part` are known. */
  readonly start: string;
  /** Names and types of what is known of each column of the lane's tile: arrays with an element for each column. */
  readonly known: Readonly<Record<string, 'u32' | 'i32' | 'bool'>>;
  /** Statements that set elements `q` of these arrays for the column whose number is `column`. */
  readonly column: string;
  /** Loops around the sum, opened and closed; loop variables are seen by what follows. */
  readonly open: string;
  readonly close: string;
  /** Expression of A for the row `row`, and of B for column `n`. */
  readonly left: (row: string) => string;
  readonly right: (n: number) => string;
  /** Statements for column `q` where `open` has the mark {@link PREPARE}. */
  readonly prepare?: string;
  readonly store: string;
  readonly outputs?: number;
}

/** Marks the place in `open` where `prepare` is inserted. */
export const PREPARE = '/* prepare */';

/**
 * A loop over the columns of a tile. Written out for each column, integer divisions by numbers that are not constant made
 * SwiftShader compile for minutes.
 */
const columnLoop = (count: number, body: string): string =>
  `for (var q = 0u; q < ${count}u; q++) {\n    ${body}\n  }`;

/** The sum in registers, a tile for each lane: the kernel that others are compared with. */
export function directProduct(product: Product, tile: Tile): Program {
  const { rows, columns, parts, left, right, known, column, open, close, prepare, store } = product;
  const declared = Object.entries(known).map(
    ([name, type]) => `var ${name}: array<${type}, ${tile.columns}>;`,
  );
  const vectors = Math.max(1, tile.columns / 4);
  const wide = tile.columns >= 4;
  const type = wide ? 'vec4f' : 'f32';
  const value = (v: number): string =>
    wide ? `vec4f(${[0, 1, 2, 3].map((q) => right(4 * v + q)).join(', ')})` : right(v);
  const inner = `${each(vectors, (v) => `let b${v} = ${value(v)};`)}
    ${each(
      tile.rows,
      (r) => `{ let a = ${left(`row${r}`)}; ${each(vectors, (v) => `c${r}_${v} += a * b${v};`)} }`,
    )}`;
  const body = `
  let row = group.y * ${tile.rows}u;
  let first = (group.x * ${LANES}u + lane) * ${tile.columns}u;
  if (first >= ${columns} || row >= ${rows}) { return; }
  let layer = group.z / ${parts};
  let part = group.z % ${parts};
  ${product.start}
  ${each(tile.rows, (r) => `let row${r} = min(row + ${r}u, ${rows} - 1u);`)}
  ${declared.join('\n  ')}
  ${columnLoop(tile.columns, `let column = min(first + q, ${columns} - 1u);\n    ${column}`)}
  ${each(tile.rows, (r) => each(vectors, (v) => `var c${r}_${v} = ${type}();`))}
  ${open.replace(PREPARE, prepare ? columnLoop(tile.columns, prepare) : '')}
    ${inner}
  ${close}
  ${each(tile.rows, (r) =>
    each(tile.columns, (n) => {
      const v = wide ? `c${r}_${n >> 2}.${'xyzw'[n & 3]}` : `c${r}_${n}`;
      return `if (row + ${r}u < ${rows} && first + ${n}u < ${columns}) { store(layer, part, row + ${r}u, first + ${n}u, ${v}); }`;
    }),
  )}`;
  return {
    kernel: `${product.kernel} ${tile.rows}×${tile.columns}`,
    inputs: Array(product.inputs).fill('float32'),
    outputs: Array(product.outputs ?? 1).fill('float32'),
    params: product.params,
    code: `${product.declarations ?? ''}
fn store(layer: u32, part: u32, m: u32, n: u32, v: f32) {
  ${store}
}
${entry(body, LANES)}`,
  };
}

/** Workgroups of a direct product, as the sizes of the first two dimensions. */
export const directGroups = (rows: number, columns: number, tile: Tile): [number, number] => [
  Math.ceil(columns / (LANES * tile.columns)),
  Math.ceil(rows / tile.rows),
];

/** Names for numbers that are passed with a step. */
export function numbers<K extends string>(names: readonly K[]): Readonly<Record<K, string>> {
  return Object.fromEntries(names.map((name, n) => [name, param(n)])) as Record<K, string>;
}
