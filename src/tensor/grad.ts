import { checkOptionNames, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { showShape } from '../graph/types.js';
import { gradients } from './autograd.js';
import { hooked } from './hooks.js';
import { Parameter } from './parameter.js';
import { operand, seedOf, Tensor } from './tensor.js';

/**
 * The gradients of a result with respect to tensors, as further tensors: they can be differentiated again, as for a
 * gradient penalty. `grad` of the tensors stays as it is. PyTorch's `torch.autograd.grad` with `create_graph`.
 *
 * @param inputs tensors on which the result depends: leaves, parameters or results of operations
 * @param options `gradOutput` for a result that is not a scalar
 * @throws UsageError for a tensor on which the result does not depend
 * @example
 * const [slope] = grad(critic.forward(x).sum(), [x]);
 * loss.add(slope!.square().sum()).backward();
 */
export function grad(
  output: Tensor,
  inputs: readonly Tensor[],
  options: { gradOutput?: Tensor } = {},
): Tensor[] {
  checkOptionNames('grad', options, ['gradOutput']);
  operand('grad', output, false);
  if (!Array.isArray(inputs))
    throw new UsageError({ what: 'grad takes an array of tensors', expected: '[x, y]', got: shown(inputs) });
  const nodes = inputs.map((input) => {
    const node = operand('grad', input, false);
    return input instanceof Parameter ? input.stored : node;
  });
  const wanted = new Set(nodes);
  const seed = seedOf('grad', output, options.gradOutput);
  const found = gradients(output.node, seed, (node) => wanted.has(node), hooked);
  return nodes.map((node, i) => {
    const gradient = found.get(node);
    if (gradient) return new Tensor(gradient);
    throw new UsageError({
      what: `grad found no way from the result to tensor ${i}`,
      expected: 'tensors on which the result depends',
      got: `${node.dtype} ${showShape(node.shape)}`,
      next: 'a detached tensor, or one computed in noGrad, is a constant',
    });
  });
}
