import type { Shape } from '../../../graph/types.js';
import { evaluator, f } from '../../../ops/formula.js';
import { isOperation, type Operation, operationOf } from '../../../ops/operation.js';
import { broadcastDimensions } from '../../plan/broadcast.js';
import type { Kernel } from './kernel.js';

/** A kernel generated from an operation's formula; undefined if it has no formula. */
export function kernelFromFormula(name: string): Kernel | undefined {
  if (!isOperation(name)) return undefined;
  const operation: Operation = operationOf(name);
  if (!operation.formula) return undefined;
  return ({ inputs, specs, output, outputSpec, attrs }) => {
    const compute = evaluator(
      operation.formula!(
        inputs.map((_, i) => f.input(i)),
        attrs,
      ),
    );
    const values = new Float64Array(inputs.length);
    forEachPlace(
      specs.map(({ shape }) => shape),
      outputSpec.shape,
      (places, at) => {
        for (let k = 0; k < values.length; k++) values[k] = inputs[k]![places[k]!]!;
        output[at] = compute(values);
      },
    );
  };
}

/** Calls `visit` for each element of the output, with the positions of the input elements. */
function forEachPlace(
  inputs: readonly Shape[],
  out: Shape,
  visit: (places: number[], at: number) => void,
): void {
  const dimensions = broadcastDimensions(inputs, out).reverse();
  const total = dimensions.reduce((n, { size }) => n * size, 1);
  const places = inputs.map(() => 0);
  const counter = dimensions.map(() => 0);
  for (let at = 0; at < total; at++) {
    visit(places, at);
    for (let d = 0; d < dimensions.length; d++) {
      const { size, steps } = dimensions[d]!;
      for (let k = 0; k < places.length; k++) places[k]! += steps[k]!;
      if (++counter[d]! < size) break;
      counter[d] = 0;
      for (let k = 0; k < places.length; k++) places[k]! -= steps[k]! * size;
    }
  }
}
