import { checkOptionNames, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { type Node, scalarLeaf } from '../graph/node.js';
import * as ops from '../ops/index.js';
import { Parameter } from '../tensor/parameter.js';
import { Tensor } from '../tensor/tensor.js';
import { listOfParameters } from './parameters.js';

/** Avoids division by zero, as in PyTorch. */
const EPSILON = 1e-6;

/**
 * `torch.nn.utils.clip_grad_norm_`: scales all gradients by min(1, maxNorm / (norm + 10⁻⁶)), where norm is the L2 norm of
 * all gradients as one vector. Call it between `backward()` and `step()`; it is computed in the same run as the step.
 *
 * @param options `normType`: p of another norm, (Σ |g|^p)^(1/p), or `Infinity` for the largest |g|
 * @returns the norm before clipping, a scalar: pass it to `step({ compute: [norm] })` to read it
 * @throws UsageError if maxNorm is not above 0, or there are no gradients
 * @example
 * loss.backward();
 * const norm = clipGradNorm(model.parameters(), 1);
 * optimizer.step({ compute: [norm] });
 */
export function clipGradNorm(
  parameters: Iterable<Parameter>,
  maxNorm: number,
  options: { normType?: number } = {},
): Tensor {
  checkOptionNames('clipGradNorm', options, ['normType']);
  const { normType = 2 } = options;
  if (typeof normType !== 'number' || !(normType > 0))
    throw new UsageError({
      what: 'clipGradNorm got a bad normType',
      expected: 'a number above 0, or Infinity',
      got: shown(normType),
    });
  const found = withGradients('clipGradNorm', parameters, 'maxNorm', maxNorm);
  const dtype = found[0]!.dtype;
  const norm = normOf(
    found.map(({ grad }) => grad!.node),
    normType,
  );
  const ratio = ops.div(scalarLeaf(maxNorm, dtype), ops.affine(norm, { scale: 1, shift: EPSILON }));
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

/** The p-norm of several tensors as one vector: a scalar. */
function normOf(grads: readonly Node[], p: number): Node {
  if (p === Number.POSITIVE_INFINITY)
    return grads.map((grad) => ops.max(ops.abs(grad))).reduce((a, b) => ops.maximum(a, b));
  const power = (grad: Node): Node =>
    p === 2 ? ops.sumOfSquares(grad) : ops.sum(ops.pow(ops.abs(grad), { exponent: p }));
  const total = grads.map(power).reduce((a, b) => ops.add(a, b));
  return p === 2 ? ops.sqrt(total) : ops.pow(total, { exponent: 1 / p });
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
  const strange = all.findIndex((parameter) => !(parameter instanceof Parameter));
  if (strange >= 0)
    throw new UsageError({
      what: `${caller} clips gradients of parameters`,
      expected: 'model.parameters()',
      got: shown(all[strange]),
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
