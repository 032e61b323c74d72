import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Shape } from '../../src/graph/types.js';
import { sizeOf } from '../../src/graph/types.js';
import type { Module } from '../../src/nn/index.js';
import { type Tensor, tensor } from '../../src/tensor/tensor.js';

/*
 * Weights, images and labels that make_fixtures.py and the tests make alike from a hash, so that fixtures need
 * not hold them.
 */

/** A parsed fixture; compiled tests run two levels deeper than the sources, in dist/. */
export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../test/fixtures/${name}`, import.meta.url), 'utf8')) as T;
}

const GOLDEN = 0x9e3779b1;

/** lowbias32: a hash of 32 bits. */
export function hash32(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

const place = (i: number, index: number): number => (i + Math.imul(index, GOLDEN)) >>> 0;

/** Float32 values in ±bound. */
export function values(shape: Shape, index: number, bound: number): Float32Array {
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = (hash32(place(i, index)) / 2 ** 32 - 0.5) * 2 * bound;
  return data;
}

/** Where one parameter's values come from. */
export interface Recipe {
  readonly name: string;
  readonly shape: number[];
  readonly tensorIndex: number;
  readonly bound: number | null;
  readonly constant: number | null;
}

/** Loads the generated weights; running statistics stay as they are. */
export function loadGenerated(model: Module, recipes: readonly Recipe[]): void {
  const saved = recipes.map(({ name, shape, tensorIndex, bound, constant }) => {
    const data =
      constant === null ? values(shape, tensorIndex, bound!) : new Float32Array(sizeOf(shape)).fill(constant);
    return [name, { data, shape }] as const;
  });
  const { missing, unexpected } = model.loadStateDict(new Map(saved), { strict: false });
  assert.deepEqual(unexpected, []);
  assert.deepEqual(
    missing.filter((name) => !/running_(mean|var)$/.test(name)),
    [],
  );
}

/** Images and labels of one batch. */
export function batchOf(size: number, image: Shape, batch: number, classes = 10): [Tensor, Tensor] {
  const shape = [size, ...image];
  const labels = Int32Array.from({ length: size }, (_, n) => hash32(place(batch * size + n, 2000)) % classes);
  return [tensor(values(shape, 1000 + batch, 1), { shape }), tensor(labels, { shape: [size] })];
}

/** Checks the generator against the fixture's own values. */
export function checkGenerator(checks: Readonly<Record<string, number | number[]>>): void {
  for (const x of [0, 1, 0xdeadbeef])
    assert.equal(hash32(x), checks[x > 1 ? 'hash32(0xdeadbeef)' : `hash32(${x})`]);
  for (const index of [3, 1000])
    assert.deepEqual(
      [...values([4], index, 1)],
      (checks[`value(0..3, tensorIndex ${index}, bound 1)`] as number[]).map(Math.fround),
    );
}

/** ‖a − b‖ / ‖b‖; 0 for equal ones */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let [difference, size] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    size += b[i]! ** 2;
  }
  return difference === 0 ? 0 : Math.sqrt(difference / size);
}

/** Fails unless a is near b, relative to the length of b. */
export function assertNear(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  const d = distance(a, b);
  assert.ok(d <= tolerance, `${what}: relative distance ${d.toExponential(2)} > ${tolerance}`);
}
