import type { Formula } from '../../../ops/formula.js';
import { renderFormula } from './formula.js';
import { map } from './map.js';
import { type Program, param } from './program.js';

/**
 * An elementwise kernel for inputs that have the result's shape or are single numbers. The number of elements is passed
 * with the step, so one kernel serves all sizes.
 *
 * @param guarded whether there is one more input, the guard
 */
export function linearMap(formula: Formula, scalar: readonly boolean[], guarded: boolean): Program {
  const { lines, result } = renderFormula(
    formula,
    scalar.map((single, k) => `in${k}(${single ? '0u' : 'i'})`),
  );
  return map({
    kernel: 'map',
    inputs: Array(scalar.length + (guarded ? 1 : 0)).fill('float32'),
    output: 'float32',
    count: param(0),
    params: 1,
    value: `${lines}\n  return ${result};`,
    ...(guarded ? { guard: scalar.length } : {}),
  });
}
