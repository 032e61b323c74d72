import { hostLeaf, type Node } from '../../src/graph/node.js';
import {
  type Attrs,
  type DType,
  isFloat,
  type Shape,
  sizeOf,
  type TypedArray,
} from '../../src/graph/types.js';
import type { Generator } from '../../src/random.js';
import { pick } from '../mutate.js';
import { evaluateNodes, mayUse, type Narrow } from './exact.js';
import { kindOf } from './kinds/index.js';
import { type Fill, type Leaf, leafValues, type Real, type Statement, typeOf } from './program.js';

/** Largest absolute value in a program. */
const LARGE = 60;
/** Distance from kinks, relative to the largest value. */
export const MARGIN = 3e-5;
/** Elements of the largest value. */
const MOST = 6000;

/**
 * A program while it is being drawn. Each value is computed in float64 at once, so that later statements can depend on
 * their inputs: logarithms get positive numbers, and kinks and ties are avoided.
 */
export class Draw {
  readonly leaves: Leaf[] = [];
  readonly body: Statement[] = [];
  /** Nodes by id. Statements have ids from 0 and leaves negative ids, since leaves may be added after statements. */
  readonly #nodes = new Map<number, Node>();
  /** Values affected by the rounding of a less exact type. */
  readonly #coarse = new Set<number>();
  readonly #wide = new Set<number>();

  constructor(
    readonly random: Generator,
    readonly real: Real,
    readonly narrow: Narrow | undefined,
  ) {}

  chance(p: number): boolean {
    return this.random.uniform() < p;
  }
  pick<T>(from: readonly T[]): T {
    return pick(this.random, from);
  }
  integer(low: number, high: number): number {
    return low + this.random.integer(high - low + 1);
  }
  /** A random size, often an awkward one. */
  dim(most = 33): number {
    const all = [1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 20, 24, 31, 32, 33];
    return this.pick(all.filter((d) => d <= most));
  }

  // Leaves

  #leaf(leaf: Leaf): number {
    this.leaves.push(leaf);
    const id = -this.leaves.length;
    const dtype = typeOf(leaf, 'float64');
    this.#nodes.set(id, withValue(hostLeaf(leafValues(leaf, 'float64'), leaf.shape, dtype)));
    return id;
  }
  leaf(shape: Shape, low = -1.5, high = 1.5): number {
    const fill: Fill = { seed: this.random.integer(2 ** 30), low, high };
    return this.#leaf({ shape, dtype: 'real', fill, stored: this.chance(0.5) });
  }
  /** A leaf whose values are all far apart, in any order. */
  distinct(shape: Shape): number {
    const values = Array.from(this.random.permutation(sizeOf(shape)), (i) => i / 16 - 8);
    return this.#leaf({ shape, dtype: 'real', fill: { values }, stored: this.chance(0.5) });
  }
  integers(shape: Shape, low: number, high: number): number {
    const values = Array.from({ length: sizeOf(shape) }, () => this.integer(low, high));
    return this.#leaf({ shape, dtype: 'int32', fill: { values }, stored: false });
  }
  /** An integer leaf that repeats one row. */
  repeated(shape: Shape, row: readonly number[]): number {
    const values = Array.from({ length: sizeOf(shape) }, (_, i) => row[i % row.length]!);
    return this.#leaf({ shape, dtype: 'int32', fill: { values }, stored: false });
  }
  bytes(shape: Shape): number {
    const values = Array.from({ length: sizeOf(shape) }, () => this.random.integer(256));
    return this.#leaf({ shape, dtype: 'uint8', fill: { values }, stored: false });
  }
  shape(rank: number, most = MOST): number[] {
    for (;;) {
      const shape = Array.from({ length: rank }, () => this.dim());
      if (sizeOf(shape) <= most) return shape;
    }
  }

  // Values

  shapeOf(id: number): Shape {
    return this.#nodes.get(id)!.shape;
  }
  typeOf(id: number): DType {
    return this.#nodes.get(id)!.dtype;
  }
  /** Whether a value is float64 in a float32 program. */
  isWide(id: number): boolean {
    return this.#wide.has(id);
  }
  valueOf(id: number): TypedArray {
    return this.#nodes.get(id)!.value!;
  }
  isCoarse(id: number): boolean {
    return this.#coarse.has(id);
  }
  /** All floating-point values; results of statements twice, so that long chains are likely. */
  #reals(): number[] {
    const ids = [...this.#nodes.keys()].filter((id) => isFloat(this.typeOf(id)) && !this.#wide.has(id));
    return [
      ...ids,
      ...ids.filter((id) => id >= 0),
      ...ids.filter((id) => id >= 0).slice(-1),
      ...ids.slice(-1),
    ];
  }
  whereReal(fits: (id: number) => boolean): number | undefined {
    const found = this.#reals().filter(fits);
    return found.length === 0 ? undefined : this.pick(found);
  }
  any(fits: (id: number) => boolean = () => true): number {
    return this.whereReal(fits) ?? this.leaf(this.shape(this.integer(1, 4)));
  }
  /** A value with this rank, reshaped if necessary. */
  ofRank(rank: number, fits: (shape: Shape) => boolean = () => true): number {
    const found = this.whereReal((id) => this.shapeOf(id).length === rank && fits(this.shapeOf(id)));
    if (found !== undefined && !this.chance(0.15)) return found;
    const other = this.whereReal((id) => sizeOf(this.shapeOf(id)) > 3 && sizeOf(this.shapeOf(id)) <= MOST);
    if (other !== undefined && this.chance(0.6)) {
      const shape = this.factors(sizeOf(this.shapeOf(other)), rank);
      if (fits(shape)) {
        const made = this.emit('reshape', [other], { shape });
        if (made !== undefined) return made;
      }
    }
    for (let n = 0; n < 100; n++) {
      const shape = this.shape(rank);
      if (fits(shape)) return this.leaf(shape);
    }
    return this.leaf([2, 3, 4, 5].slice(0, rank));
  }
  /** A random factorisation of a number of elements into `rank` dimensions. */
  factors(count: number, rank: number): number[] {
    const shape = new Array<number>(rank).fill(1);
    let rest = count;
    for (let p = 2; rest > 1; p++)
      while (rest % p === 0 || p * p > rest) {
        const prime = p * p > rest ? rest : p;
        shape[this.random.integer(rank)]! *= prime;
        rest /= prime;
        if (rest === 1) break;
      }
    return shape;
  }
  /** A value above 0.3, by squaring one if necessary. */
  positive(fits: (id: number) => boolean = () => true): number {
    const found = this.whereReal((id) => fits(id) && this.valueOf(id).every((v) => v > 0.3));
    if (found !== undefined) return found;
    const x = this.emit('square', [this.any(fits)], {});
    const shifted = x === undefined ? undefined : this.emit('affine', [x], { scale: 0.5, shift: 0.5 });
    return shifted ?? this.leaf([3, 5], 0.5, 2);
  }
  /** A value that broadcasts to this shape. */
  partner(shape: Shape): number {
    const same = this.whereReal((id) => this.shapeOf(id).join() === shape.join());
    if (same !== undefined && this.chance(0.5)) return same;
    return this.leaf(this.chance(0.4) ? shape : this.narrowed(shape));
  }
  /** A shape that broadcasts to this one. */
  narrowed(shape: Shape): number[] {
    const drop = this.chance(0.5) ? this.random.integer(shape.length + 1) : 0;
    return shape.slice(drop).map((d) => (this.chance(0.5) ? 1 : d));
  }

  /** Adds a statement. Returns undefined if its result is too large, NaN or infinite, or its inputs are close to a kink. */
  emit(name: string, inputs: readonly number[], attrs: Attrs): number | undefined {
    const kind = kindOf(name);
    const nodes = inputs.map((id) => this.#nodes.get(id)!);
    const coarse = inputs.some((id) => this.#coarse.has(id));
    if (coarse && kind.jumps) return undefined;
    const node = kind.make(nodes, attrs, 'float64');
    if (sizeOf(node.shape) > MOST * 3 || sizeOf(node.shape) === 0) return undefined;
    if (!node.value) withValue(node);
    const output = node.value!;
    if (
      output.some((v) => !(Math.abs(v) <= LARGE * (isFloat(node.dtype) && name !== 'roundToByte' ? 1 : 1e3)))
    )
      return undefined;
    const given = {
      inputs: nodes.map((n) => n.value!),
      shapes: nodes.map((n) => n.shape),
      output,
      attrs,
      before: this.body[inputs[0]!]?.kind,
    };
    // With a less exact type, some values always cross a kink; the comparison tolerates that.
    if (kind.clear && !coarse && !kind.clear(given, MARGIN)) return undefined;
    const id = this.body.length;
    this.body.push({ kind: name, inputs, attrs });
    this.#nodes.set(id, node);
    const wide = name === 'cast' ? attrs.dtype === 'float64' : this.#wide.has(inputs[0]!);
    if (wide) this.#wide.add(id);
    if (coarse || (this.narrow && mayUse(this.narrow, name, given.shapes, node.shape))) this.#coarse.add(id);
    return id;
  }
  /** Like `emit`, for the last statement of a draw. @returns whether it was added */
  add(name: string, inputs: readonly number[], attrs: Attrs = {}): boolean {
    return this.emit(name, inputs, attrs) !== undefined;
  }
}

/** Computes a node's value; later graphs then use it as a leaf. */
function withValue(node: Node): Node {
  node.value = evaluateNodes([node])[0]!;
  return node;
}
