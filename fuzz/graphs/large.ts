import { sizeOf, type TypedArray } from '../../src/graph/types.js';
import { Generator } from '../../src/random.js';
import type { Difference, Subject, Verdict } from './check.js';
import { mayUse } from './exact.js';
import { leafValues, type Program, valuesOf } from './program.js';
import { runOn } from './run.js';

/** Layers with more multiply-adds are checked by samples. */
const LARGE = 4e5;
const SAMPLES = 24;

/** Whether a program is one linear layer that is too large to be computed in float64. */
export const isLarge = ({ body, leaves }: Program): boolean =>
  body.length === 1 && body[0]!.kind === 'linear' && leaves[0]!.shape[0]! * sizeOf(leaves[1]!.shape) > LARGE;

/**
 * Checks a linear layer of any size: random elements of the result and of both gradients are computed one by one, and all
 * elements together are checked by the identity Σ y·g = Σ x·dx = Σ w·dw.
 */
export async function checkLarge(
  subject: Subject,
  program: Program,
  operations?: Set<string>,
): Promise<Verdict> {
  // Shrunk programs may lack the outputs that are compared here.
  if (program.outputs.length !== 1 || program.loss[0]?.as !== 'weighted') return { kind: 'unfit' };
  const [n, inputs] = program.leaves[0]!.shape as [number, number];
  const outputs = program.leaves[1]!.shape[0]!;
  const [x, w] = program.leaves.map((leaf) => leafValues(leaf, 'float32')) as [TypedArray, TypedArray];
  const seed = 1000 + program.leaves.length;
  const g = valuesOf({ seed, low: -1, high: 1 }, 'float32', n * outputs);
  let results: ReadonlyMap<string, TypedArray>;
  try {
    results = (await runOn(subject.device, program, operations))[0]!;
  } catch (error) {
    return { kind: 'error', error };
  }
  const [y, dx, dw] = [`v${program.leaves.length}`, 'gradient of v0', 'gradient of v1'].map(
    (name) => results.get(name)!,
  ) as [TypedArray, TypedArray, TypedArray];
  const coarse =
    subject.narrow &&
    mayUse(
      subject.narrow,
      'linear',
      program.leaves.map(({ shape }) => shape),
      [n, outputs],
    );
  const part = coarse ? 2 ** -6 : 3e-6;
  const different = (name: string, got: number, expected: number, scale: number): Difference | undefined => {
    const [error, allowed] = [Math.abs(got - expected), part * scale];
    return error <= allowed ? undefined : { run: 0, name, error, allowed, got: [got], expected: [expected] };
  };
  const dot = (length: number, a: (k: number) => number, b: (k: number) => number): [number, number] => {
    let [sum, scale] = [0, 0];
    for (let k = 0; k < length; k++) {
      const product = a(k) * b(k);
      sum += product;
      scale += Math.abs(product);
    }
    return [sum, scale];
  };
  const random = new Generator(sizeOf([n, inputs, outputs]));
  for (let s = 0; s < SAMPLES; s++) {
    // Some samples are in the last row and column, where tails are handled.
    const [i, j, k] = [n, inputs, outputs].map((d) => (s < 4 ? d - 1 : random.integer(d))) as [
      number,
      number,
      number,
    ];
    const found =
      different(
        `y[${i},${k}]`,
        y[i * outputs + k]!,
        ...dot(
          inputs,
          (a) => x[i * inputs + a]!,
          (a) => w[k * inputs + a]!,
        ),
      ) ??
      different(
        `dx[${i},${j}]`,
        dx[i * inputs + j]!,
        ...dot(
          outputs,
          (a) => g[i * outputs + a]!,
          (a) => w[a * inputs + j]!,
        ),
      ) ??
      different(
        `dw[${k},${j}]`,
        dw[k * inputs + j]!,
        ...dot(
          n,
          (a) => g[a * outputs + k]!,
          (a) => x[a * inputs + j]!,
        ),
      );
    if (found) return { kind: 'different', difference: found };
  }
  const [total, scale] = dot(
    y.length,
    (a) => y[a]!,
    (a) => g[a]!,
  );
  const found =
    different(
      'Σ x·dx',
      dot(
        dx.length,
        (a) => dx[a]!,
        (a) => x[a]!,
      )[0],
      total,
      scale,
    ) ??
    different(
      'Σ w·dw',
      dot(
        dw.length,
        (a) => dw[a]!,
        (a) => w[a]!,
      )[0],
      total,
      scale,
    );
  return found ? { kind: 'different', difference: found } : { kind: 'same' };
}
