import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import type { TypedArray } from '../../../src/graph/types.js';
import { type Case, cases, fixture, type Ran, runCase } from '../cases.js';

type Place = number | 'up';
type Change = readonly [put: Place, value: string, output: string, ...grads: (string | null)[]];
interface Known {
  readonly name: string;
  readonly changes: readonly Change[];
}

/**
 * Finite numbers where PyTorch has NaN: `OPERATION RESULT`, with the number of a gradient or `output`. None of them hides
 * a NaN that reached the operation: other results of the same run are NaN.
 */
const FINITE: Readonly<Record<string, string>> = {
  'conv2d output': 'PyTorch multiplies padding by weights in small convolutions, and 0 · NaN is NaN',
  'conv2d 0': 'the same, of gradients beyond the border',
  'conv2d 1': 'the same',
  'convTranspose2d output': 'the same',
  'convTranspose2d 0': 'the same',
  'convTranspose2d 1': 'the same',
  'prod 0': 'ours is the product of the other elements; PyTorch divides the product by the element',
  'norm 0': 'of a zero vector: 0 whatever the gradient of the norm is',
};

const EXTREMES: readonly number[] = [3.4028234663852886e38, -0, 1e-40];

const kindOf = (v: number): string => (Number.isNaN(v) ? 'n' : Number.isFinite(v) ? '.' : v > 0 ? '+' : '-');
const resultsOf = (ran: Ran): (TypedArray | null)[] => [ran.output, ...ran.grads];
const nameOf = (result: number): string => (result === 0 ? 'output' : String(result - 1));

/** The case with another value in the middle of an input, or of the gradient of its result. */
function changed(given: Case, put: Place, value: number): Case {
  const set = <V extends { readonly data: readonly number[] }>(values: V): V => ({
    ...values,
    data: values.data.with(values.data.length >> 1, value),
  });
  if (put === 'up') return { ...given, gradOutput: set(given.gradOutput!) };
  return { ...given, inputs: given.inputs.map((input, k) => (k === put ? set(input) : input)) };
}

/**
 * Registers tests of inputs with NaN and infinities beside PyTorch, and with other extreme numbers beside reference.
 * @param skipExtremes why the latter are not compared
 */
export function specialValues(device: () => Device, skipExtremes?: string): void {
  const known: readonly Known[] = JSON.parse(readFileSync(fixture('special-values.json'), 'utf8')).cases;
  const byName = new Map(cases.map((given) => [given.name, given]));

  describe('hides no NaN and no infinity', () => {
    for (const { name, changes } of known)
      it(name, async () => {
        const given = byName.get(name)!;
        for (const [put, value, ...expected] of changes) {
          const results = resultsOf(await runCase(device(), changed(given, put, Number(value)), 'float32'));
          for (const [k, kinds] of expected.entries()) {
            if (kinds === null || FINITE[`${given.op} ${nameOf(k)}`]) continue;
            const lost = results[k]!.findIndex((v, i) => kinds[i] !== '.' && kindOf(v) === '.');
            const what = `${value} in ${put}: ${nameOf(k)}, element ${lost} is ${results[k]![lost]}`;
            assert.equal(lost, -1, `${what}, PyTorch has ${kinds[lost]}`);
            // Gradients of flat parts may be NaN where PyTorch has 0; results are NaN only where PyTorch's are.
            const loud = k > 0 ? -1 : results[k]!.findIndex((v, i) => kinds[i] === '.' && kindOf(v) !== '.');
            assert.equal(loud, -1, `${value} in ${put}: element ${loud} is ${results[k]![loud]}`);
          }
        }
      });
  });

  const rule = 'numbers at the ends of float32 give the results of reference, or such as are not finite';
  it(rule, { skip: skipExtremes ?? false }, async () => {
    const reference = referenceDevice();
    for (const { name } of known) {
      const given = byName.get(name)!;
      for (const put of given.inputs.keys())
        for (const value of given.inputs[put]!.dtype === 'float32' ? EXTREMES : []) {
          const made = changed(given, put, value);
          const ours = resultsOf(await runCase(device(), made, 'float32'));
          const theirs = resultsOf(await runCase(reference, made, 'float32'));
          for (const [k, values] of ours.entries()) {
            if (!values) continue;
            const others = theirs[k]!;
            const largest = Math.max(1, ...Array.from(others, Math.abs).filter(Number.isFinite));
            const wrong = values.findIndex(
              (v, i) => Number.isFinite(v) && !(Math.abs(v - others[i]!) <= 0.05 * largest),
            );
            const what = `${name}, ${value} in ${put}: ${nameOf(k)}, element ${wrong}`;
            assert.equal(wrong, -1, `${what} is ${values[wrong]}, not ${others[wrong]}`);
          }
        }
    }
    await reference.close();
  });
}
