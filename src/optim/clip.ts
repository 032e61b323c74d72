import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { hostLeaf } from '../graph/node.js';
import { makeArray } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { Parameter, Tensor } from '../tensor/tensor.js';
import { listOfParameters } from './parameters.js';

/** Avoids division by zero, as in PyTorch. */
const EPSILON = 1e-6;

/**
 * `torch.nn.utils.clip_grad_norm_`: scales all gradients by min(1, maxNorm / (norm + 10⁻⁶)), where norm is the L2 norm of
 * all gradients as one vector. Call it between `backward()` and `step()`; it is computed in the same run as the step.
 *
 * @returns the norm before clipping, a scalar: pass it to `step({ compute: [norm] })` to read it
 * @throws UsageError if maxNorm is not above 0, or there are no gradients
 * @example
 * loss.backward();
 * const norm = clipGradNorm(model.parameters(), 1);
 * optimizer.step({ compute: [norm] });
 */
export function clipGradNorm(parameters: Iterable<Parameter>, maxNorm: number): Tensor {
  const found = withGradients('clipGradNorm', parameters, 'maxNorm', maxNorm);
  const dtype = found[0]!.dtype;
  const constant = (value: number) => {
    const data = makeArray(dtype, 1);
    data[0] = value;
    return hostLeaf(data, [], dtype);
  };
  const squares = found.map(({ grad }) => ops.sumOfSquares(grad!.node));
  const norm = ops.sqrt(squares.reduce((sum, square) => ops.add(sum, square)));
  const ratio = ops.div(constant(maxNorm), ops.affine(norm, { scale: 1, shift: EPSILON }));
  const factor = ops.clamp(ratio, { min: 0, max: 1 });
  for (const parameter of found) replace(parameter, new Tensor(ops.mul(parameter.grad!.node, factor)));
  return new Tensor(norm);
}

/**
 * `torch.nn.utils.clip_grad_value_`: limits every element of every gradient to ±maxValue. Computed in the same run as the
 * step, like {@link clipGradNorm}.
 *
 * @throws UsageError if maxValue is not above 0, or there are no gradients
 */
export function clipGradValue(parameters: Iterable<Parameter>, maxValue: number): void {
  const found = withGradients('clipGradValue', parameters, 'maxValue', maxValue);
  const bounds = { min: -maxValue, max: maxValue };
  for (const parameter of found) replace(parameter, new Tensor(ops.clamp(parameter.grad!.node, bounds)));
}

function withGradients(
  caller: string,
  parameters: Iterable<Parameter>,
  name: string,
  limit: number,
): Parameter[] {
  if (!(Number.isFinite(limit) && limit > 0))
    throw new UsageError({
      what: `${caller} got a bad ${name}`,
      expected: 'a number above 0',
      got: shown(limit),
    });
  const all = listOfParameters(caller, parameters);
  const strange = all.find((parameter) => !(parameter instanceof Parameter));
  if (strange !== undefined)
    throw new UsageError({
      what: `${caller} clips gradients of parameters`,
      expected: 'model.parameters()',
      got: shown(strange),
    });
  const found = (all as Parameter[]).filter(({ grad }) => grad !== null);
  if (found.length > 0) return found;
  throw new UsageError({
    what: `${caller} found no gradient`,
    expected: 'loss.backward() before it',
    got: 'parameters without gradients',
  });
}

/** Replaces a parameter's gradient; it keeps the losses that it came from. */
export function replace(parameter: Parameter, grad: Tensor): void {
  grad.origins = parameter.grad?.origins ?? [];
  parameter.grad = grad;
}
