import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { kernelFromFormula } from '../../src/backend/reference/kernels/formula.js';
import { kernels } from '../../src/backend/reference/kernels.js';
import type { Attrs, Shape } from '../../src/graph/types.js';
import { f, partsOf } from '../../src/ops/formula.js';
import { operationNames, operationOf } from '../../src/ops/operation.js';
import '../../src/ops/index.js';

const { NaN: NAN, POSITIVE_INFINITY: INF } = Number;
const VALUES = [
  0,
  -0,
  1,
  -1,
  0.5,
  2.5,
  3.5,
  -2.5,
  1e-300,
  -1e-310,
  700,
  -745,
  1e300,
  INF,
  -INF,
  NAN,
  20,
  -20,
  0.3,
];
const ATTRS: Readonly<Record<string, readonly Attrs[]>> = {
  affine: [{ scale: -2, shift: 0.5 }],
  pow: [-2, -0.5, 0.5, 1, 3].map((exponent) => ({ exponent })),
  clamp: [{ min: -1, max: 2 }],
  leakyRelu: [{ alpha: 0.1 }],
  leakyReluGrad: [{ alpha: 0.1 }],
};

/** Operations whose last input is a scalar. */
const SCALAR_LAST = new Set(['addScaled']);

/** All combinations of values, as one array per input. */
function combinations(inputs: number): Float64Array[] {
  const total = VALUES.length ** inputs;
  return Array.from({ length: inputs }, (_, k) =>
    Float64Array.from(
      { length: total },
      (_, i) => VALUES[Math.floor(i / VALUES.length ** k) % VALUES.length]!,
    ),
  );
}

/** Inputs of an operation: all combinations of values, for each scalar. */
function inputsOf(name: string, attrs: Attrs): Float64Array[][] {
  const count = arity(name, attrs);
  if (!SCALAR_LAST.has(name)) return [combinations(count)];
  return VALUES.map((scalar) => [...combinations(count - 1), Float64Array.of(scalar)]);
}

/** Number of inputs of a formula. */
function arity(name: string, attrs: Attrs): number {
  const formula = operationOf(name).formula!([0, 1, 2].map(f.input), attrs);
  return partsOf(formula).filter(({ kind }) => kind === 'input').length;
}

describe('a loop and its formula agree for', () => {
  const both = operationNames().filter((name) => operationOf(name).formula && Object.hasOwn(kernels, name));
  assert.ok(both.length >= 25, `${both.length} operations`);
  for (const name of both)
    it(name, () => {
      for (const attrs of ATTRS[name] ?? [{}])
        for (const inputs of inputsOf(name, attrs)) {
          const shape: Shape = [inputs[0]!.length];
          const specs = inputs.map(({ length }) => ({
            shape: length === 1 ? [] : shape,
            dtype: 'float64' as const,
          }));
          const outputs = [kernels[name]!, kernelFromFormula(name)!].map((kernel) => {
            const output = new Float64Array(inputs[0]!.length);
            kernel({ inputs, specs, output, outputSpec: specs[0]!, attrs });
            return output;
          });
          outputs[0]!.forEach((expected, i) => {
            const got = outputs[1]![i]!;
            const close = Math.abs(got - expected) <= 1e-14 * Math.abs(expected) + 1e-300;
            assert.ok(
              Object.is(got + 0, expected + 0) || close,
              `${name}(${inputs.map((x) => x[x.length === 1 ? 0 : i]).join(', ')}): loop ${expected}, formula ${got}`,
            );
          });
        }
    });
});
