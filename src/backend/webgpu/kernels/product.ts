import type { DType } from '../../../graph/types.js';
import { param } from './program.js';

/**
 * A sum of products C[m, n] = Σ_k A[m, k] · B[k, n], for each layer. The code of the operands describes how A and B are
 * read from values: so convolutions and their gradients are products too, without copies. Several kernels can compute it:
 * `direct.ts`, `broadcast.ts`, `tiled.ts` and, for few rows, `along.ts`.
 */
export interface Product {
  readonly kernel: string;
  readonly inputs: readonly DType[];
  /** WGSL for the number of rows and of columns, the number of parts of the sum, and the layers besides parts. */
  readonly rows: string;
  readonly columns: string;
  readonly parts: string;
  /** WGSL for the number of the first workgroup along the columns, the rows and the layers. */
  readonly from: readonly [column: string, row: string, layer: string];
  readonly params: number;
  /** Declarations of the kernel's functions. */
  readonly declarations?: string;
  /** Statements at the start: `layer` and `part` are known. */
  readonly start: string;
  /** Names and types of what is known of each column that a lane reads: arrays with an element for each column. */
  readonly known: Readonly<Record<string, 'u32' | 'i32' | 'bool'>>;
  /** Statements that set elements `q` of these arrays for the column whose number is `column`. */
  readonly column: string;
  /** Loops around the innermost one, opened and closed; loop variables are seen by what follows. */
  readonly open: string;
  readonly close: string;
  /** The innermost loop: name of its variable, WGSL for the first value and the end. All lanes make the same steps. */
  readonly inner: { readonly name: string; readonly first: string; readonly end: string };
  /** Whether the sums are so long that they are added up in runs, see `inRuns` of joined.ts. */
  readonly long?: boolean;
  /** Expression of A for the row `row`, and of B for column `n`. */
  readonly left: (row: string) => string;
  readonly right: (n: number) => string;
  /** Statements for column `q` where `open` has the mark {@link PREPARE}. */
  readonly prepare?: string;
  readonly store: string;
  readonly outputs?: number;
}

/** Rows and columns that one lane computes, or a workgroup. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
}

/** Marks the place in `open` where `prepare` is inserted. */
export const PREPARE = '/* prepare */';

export const each = (count: number, text: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => text(n)).join('\n');

/**
 * A loop over the columns of a tile. Written out for each column, integer divisions by numbers that are not constant made
 * SwiftShader compile for minutes.
 */
const columnLoop = (count: number, body: string): string =>
  `for (var q = 0u; q < ${count}u; q++) {\n    ${body}\n  }`;

/** Declares what is known of columns, and computes it. @param column WGSL for the number of column `q` */
export function knownColumns({ known, column, columns }: Product, count: number, number: string): string {
  const declared = Object.entries(known).map(([name, type]) => `var ${name}: array<${type}, ${count}>;`);
  return `${declared.join('\n  ')}
  ${columnLoop(count, `let column = min(${number}, ${columns} - 1u);\n    ${column}`)}`;
}

/** The outer loops of a product whose lanes read `count` columns. */
export const opened = ({ open, prepare }: Product, count: number): string =>
  open.replace(PREPARE, prepare ? columnLoop(count, prepare) : '');

/** The innermost loop with `unroll` steps at once, which must divide their number. */
export function innerLoop({ inner: { name, first, end } }: Product, unroll: number, body: string): string {
  if (unroll === 1) return `for (var ${name} = ${first}; ${name} < ${end}; ${name}++) {\n    ${body}\n  }`;
  return `for (var ${name}_ = ${first}; ${name}_ < ${end}; ${name}_ += ${unroll}u) {
    ${each(unroll, (u) => `{ let ${name} = ${name}_ + ${u}u;\n    ${body} }`)}
  }`;
}

/** Steps of a run, where the innermost loop is the only one; otherwise each pass of that loop is a run. */
const RUN = 1024;

/** A product whose innermost loop is a run if its sums are long. */
export function withRuns(product: Product): Product {
  const { long, open, inner } = product;
  if (!long || open !== '') return product;
  const { name, first, end } = inner;
  return {
    ...product,
    open: `for (var run = ${first}; run < ${end}; run += ${RUN}u) {`,
    inner: { name, first: 'run', end: `min(${end}, run + ${RUN}u)` },
    close: '}',
  };
}

/** The sums of a lane's tile, in vectors of four columns if there are enough. */
export class Sums {
  readonly #wide: boolean;
  readonly #vectors: number;

  /**
   * @param half whether products are added in float16, of which few steps are added to the sums at a time
   * @param long whether the sums of runs are added to totals
   */
  constructor(
    readonly tile: Tile,
    readonly half = false,
    readonly long = false,
  ) {
    this.#wide = tile.columns % 4 === 0;
    this.#vectors = this.#wide ? tile.columns / 4 : tile.columns;
  }

  #type(scalar: 'f32' | 'f16'): string {
    return this.#wide ? `vec4<${scalar}>` : scalar;
  }

  #all(text: (name: string) => string): string {
    return each(this.tile.rows, (r) => each(this.#vectors, (v) => text(`${r}_${v}`)));
  }

  /** Declares the sums. */
  get declared(): string {
    const zeros = `${this.#type('f32')}()`;
    return this.#all((name) => `var c${name} = ${zeros};${this.long ? ` var t${name} = ${zeros};` : ''}`);
  }

  /** Ends a run. */
  get flushed(): string {
    return this.long ? this.#all((name) => `t${name} += c${name}; c${name} = ${this.#type('f32')}();`) : '';
  }

  /** Begins a few steps, and ends them. */
  get begun(): string {
    return this.half ? this.#all((name) => `var h${name} = ${this.#type('f16')}();`) : '';
  }

  get ended(): string {
    return this.half ? this.#all((name) => `c${name} += ${this.#type('f32')}(h${name});`) : '';
  }

  /** Reads one element of B for each column. */
  columns(value: (n: number) => string): string {
    const type = this.#type(this.half ? 'f16' : 'f32');
    const vector = (v: number): string =>
      this.#wide ? `${type}(${[0, 1, 2, 3].map((q) => value(4 * v + q)).join(', ')})` : value(v);
    return each(this.#vectors, (v) => `let b${v} = ${vector(v)};`);
  }

  /** Adds the products of an element of A, which belongs to row r, with the elements of B. */
  add(r: number, value: string): string {
    const sums = this.half ? 'h' : 'c';
    return `{ let a = ${value}; ${each(this.#vectors, (v) => `${sums}${r}_${v} += a * b${v};`)} }`;
  }

  /** An array of all sums, row by row. */
  get all(): string {
    const { rows, columns } = this.tile;
    const value = (r: number, n: number): string =>
      `${this.long ? 't' : 'c'}${this.#wide ? `${r}_${n >> 2}.${'xyzw'[n & 3]}` : `${r}_${n}`}`;
    const count = rows * columns;
    const values = Array.from({ length: count }, (_, e) => value(Math.floor(e / columns), e % columns));
    return `array<f32, ${count}>(${values.join(', ')})`;
  }

  /**
   * Stores all sums in a loop, since compiling takes long where a store is written out for each.
   * @param row WGSL for the row of the tile's row `r`, and for the column of its column `n`
   */
  stored({ rows, columns }: Product, row: string, column: string): string {
    const { rows: height, columns: width } = this.tile;
    return `var sums = ${this.all};
  for (var e = 0u; e < ${height * width}u; e++) {
    let r = e / ${width}u;
    let n = e % ${width}u;
    let m = ${row};
    let k = ${column};
    if (m < ${rows} && k < ${columns}) { store(layer, part, m, k, sums[e]); }
  }`;
  }
}

/** Layer and part of a workgroup, and the product's own start. */
export const started = ({
  parts,
  start,
  from,
}: Product): string => `let layer = (group.z + ${from[2]}) / ${parts};
  let part = (group.z + ${from[2]}) % ${parts};
  ${start}`;

/** Declarations of a product's kernel. */
export const declarations = (product: Product): string => `${product.declarations ?? ''}
fn store(layer: u32, part: u32, m: u32, n: u32, v: f32) {
  ${product.store}
}`;

/** Names for numbers that are passed with a step. */
export function numbers<K extends string>(names: readonly K[]): Readonly<Record<K, string>> {
  return Object.fromEntries(names.map((name, n) => [name, param(n)])) as Record<K, string>;
}
