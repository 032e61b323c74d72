import type { Device } from '../../src/backend/backend.js';
import type { TypedArray } from '../../src/graph/types.js';
import { MARGIN } from './draw.js';
import { mayUse, type Narrow } from './exact.js';
import { kindOf } from './kinds/index.js';
import { checkLarge, isLarge } from './large.js';
import type { Program } from './program.js';
import { type Results, runExactly, runOn } from './run.js';

export interface Subject {
  readonly device: Device;
  /** The type of its products, if it is less exact than that of tensors. */
  readonly narrow?: Narrow | undefined;
}

/** A result whose error is larger than rounding explains. */
export interface Difference {
  readonly run: number;
  readonly name: string;
  readonly error: number;
  readonly allowed: number;
  readonly got: readonly number[];
  readonly expected: readonly number[];
}
export type Verdict =
  | { readonly kind: 'same' }
  /** Too close to a kink for a meaningful comparison, or with a type that the device lacks. */
  | { readonly kind: 'unfit' }
  | { readonly kind: 'different'; readonly difference: Difference }
  | { readonly kind: 'error'; readonly error: unknown };

/** Values above this are not compared. */
const LARGE = 1e4;

/** Relative size of one rounding error in the device's number type. */
const FLOAT32 = 2 ** -22;
const FLOAT64 = 2 ** -50;

/** Whether each statement's value is affected by the rounding of a less exact type. */
function coarseOf(
  { body, leaves }: Program,
  shapes: readonly (readonly number[])[],
  narrow: Narrow,
): boolean[] {
  const coarse: boolean[] = leaves.map(() => false);
  for (const { kind, inputs } of body) {
    const given = inputs.map((at) => shapes[at]!);
    coarse.push(inputs.some((at) => coarse[at]) || mayUse(narrow, kind, given, shapes[coarse.length]!));
  }
  return coarse.slice(leaves.length);
}

/** Whether all statements are away from kinks. */
function isClear(
  program: Program,
  values: readonly TypedArray[],
  shapes: readonly (readonly number[])[],
  coarse: readonly boolean[],
): boolean {
  return program.body.every(({ kind: name, inputs, attrs }, i) => {
    const kind = kindOf(name);
    const at = program.leaves.length + i;
    if (kind.jumps && coarse[i]) return false;
    const given = {
      inputs: inputs.map((n) => values[n]!),
      shapes: inputs.map((n) => shapes[n]!),
      output: values[at]!,
      attrs,
      before: program.body[inputs[0]! - program.leaves.length]?.kind,
    };
    // After an update, values of the second run or squares of them in gradients may overflow float32.
    const finite = values[at]!.every((v: number) => Math.abs(v) <= LARGE);
    return finite && (coarse[i] || !kind.clear || kind.clear(given, MARGIN));
  });
}

type Norm = (values: Iterable<number>) => number;
const most: Norm = (values) => {
  let m = 0;
  for (const v of values) m = Math.max(m, Math.abs(v));
  return m;
};
const euclid: Norm = (values) => {
  let s = 0;
  for (const v of values) s += v * v;
  return Math.sqrt(s);
};
/** Differences; 0 where both are the same infinity or both NaN. */
const minus = (a: TypedArray, b: TypedArray): number[] =>
  Array.from(a, (v, i) => (Object.is(v, b[i]) ? 0 : v - b[i]!));

/** GPUs have no float64. */
const hasFloat64 = ({ real, body }: Program): boolean =>
  real === 'float64' || body.some(({ attrs }) => attrs.dtype === 'float64');

/**
 * Compares a program's results on a device with those in float64. The tolerance is measured: the program runs again with
 * every value perturbed by about one rounding error of the device's type, and results may differ by a multiple of the
 * effect.
 */
export async function check(
  { device, narrow }: Subject,
  program: Program,
  operations?: Set<string>,
): Promise<Verdict> {
  if (device.name === 'webgpu' && hasFloat64(program)) return { kind: 'unfit' };
  if (isLarge(program)) return checkLarge({ device, narrow }, program, operations);
  let coarse: boolean[] = program.body.map(() => false);
  const exact = runExactly(program, (values, shapes) => {
    if (narrow) coarse = coarseOf(program, shapes, narrow);
    return isClear(program, values, shapes, coarse);
  });
  if (exact.length === 0) return { kind: 'unfit' };
  let got: Results[];
  try {
    got = await runOn(device, program, operations);
  } catch (error) {
    return { kind: 'error', error };
  }
  const isCoarse = coarse.some(Boolean);
  const normalised = program.body.some(({ kind }) => kind.startsWith('batch'));
  const one = program.real === 'float64' ? FLOAT64 : FLOAT32;
  const disturb = (seed: number): Results[] =>
    runExactly(program, () => true, { seed, one, narrow: isCoarse ? narrow : undefined });
  const compare = (seeds: readonly number[]): Difference | undefined =>
    differenceOf(exact, got, seeds.map(disturb), { coarse: isCoarse, normalised }, one);
  // One perturbation may have little effect by chance: before reporting a difference, eight of them are tried.
  const difference = compare([1]) && compare([1, 2, 3, 4, 5, 6, 7, 8]);
  return difference ? { kind: 'different', difference } : { kind: 'same' };
}

function differenceOf(
  exact: readonly Results[],
  got: readonly Results[],
  disturbed: readonly (readonly Results[])[],
  { coarse, normalised }: { readonly coarse: boolean; readonly normalised: boolean },
  one: number,
): Difference | undefined {
  // Coarse rounding moves some values across a kink, so tensors are then compared by their norm.
  const [norm, factor, base] = coarse
    ? ([euclid, normalised ? 96 : 12, 0.05] as const)
    : ([most, 64, 40 * one] as const);
  for (const [run, results] of exact.entries())
    for (const [name, expected] of results) {
      const values = got[run]?.get(name);
      const noise = Math.max(
        ...disturbed.map((d) => (d[run] ? norm(minus(d[run].get(name)!, expected)) : 0)),
      );
      // A result that a rounding turns into NaN has no value to compare with.
      if (Number.isNaN(noise)) continue;
      // Inside an operation numbers of the order of 1 may cancel, as in the gradient of a batch norm of two rows.
      const cancelled = 8 * one;
      const allowed =
        expected instanceof Int32Array
          ? 0
          : base * norm(expected.filter(Number.isFinite)) + factor * noise + cancelled;
      const error =
        values?.length === expected.length ? norm(minus(values, expected)) : Number.POSITIVE_INFINITY;
      if (!(error <= allowed))
        return { run, name, error, allowed, got: sample(values ?? []), expected: sample(expected) };
    }
  return undefined;
}

const sample = (values: ArrayLike<number>): number[] =>
  Array.from({ length: Math.min(8, values.length) }, (_, i) => values[i]!);
