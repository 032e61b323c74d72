import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { hostLeaf, type Node } from '../graph/node.js';
import { isShape, type Shape } from '../graph/types.js';
import { operationOf } from '../ops/operation.js';
import { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { type Listener, watching } from './watch.js';

/** One call of a module that has no modules below it. */
export interface LayerSummary {
  /** Path in the model, such as `features.3`. */
  readonly name: string;
  /** Kind of the module: its class. */
  readonly type: string;
  readonly outputShape: Shape;
  /** Trainable values; 0 when the layer was called before. */
  readonly parameters: number;
  /** Multiply-adds of convolutions and matrix products for this input. */
  readonly macs: number;
}

/** What {@link inspect} finds. */
export interface ModelSummary {
  readonly layers: LayerSummary[];
  /** Trainable values of the whole model. */
  readonly parameters: number;
  /** Multiply-adds of one forward pass, those outside of layers included. */
  readonly macs: number;
}

/**
 * Runs shapes through a model, in evaluation mode and without computing anything.
 *
 * @param inputShape [C, H, W] of one image, or a whole [N, C, H, W]
 * @throws ShapeError when the shape does not fit the model
 * @example
 * const { parameters, macs } = inspect(new MyNet(), [3, 224, 224]);
 */
export function inspect(model: Module, inputShape: Shape): ModelSummary {
  if (!(model instanceof Module) || !isShape(inputShape))
    throw new UsageError({
      what: 'inspect runs a shape through a model',
      expected: 'inspect(model, [3, 224, 224])',
      got: `${shown(model)} and ${shown(inputShape)}`,
    });
  const shape = inputShape.length === 3 ? [1, ...inputShape] : inputShape;
  const input = new Tensor(hostLeaf(new Float32Array(0), shape, 'float32'));
  const modules = model.namedModules();
  const modes = modules.map(([, module]) => module.training);
  const watched = modules.filter(([, module]) => module.children().length === 0);
  const layers: LayerSummary[] = [];
  const counted = new Set<Module>();
  const listen: Listener = (name, module, inputs, output) => {
    layers.push({
      name,
      type: module.typeName,
      outputShape: output.shape,
      parameters: counted.has(module) ? 0 : parametersOf(module),
      macs: macsBetween(
        output.node,
        inputs.map((t) => t.node),
      ),
    });
    counted.add(module);
  };
  try {
    // Set directly: eval() would write running statistics, and nothing here may compute.
    for (const [, module] of modules) module.training = false;
    const output = watching(watched, listen, () => model.forward(input));
    return { layers, parameters: parametersOf(model), macs: macsBetween(output.node, [input.node]) };
  } finally {
    for (const [i, [, module]] of modules.entries()) module.training = modes[i]!;
  }
}

const parametersOf = (module: Module): number =>
  module.parameters().reduce((total, parameter) => total + parameter.size, 0);

/** Multiply-adds of the nodes that lead from the inputs to a node. */
function macsBetween(output: Node, inputs: readonly Node[]): number {
  const seen = new Set<Node>(inputs);
  const stack = [output];
  let total = 0;
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.inputs.length === 0) continue;
    total += operationOf(node.op).macs?.(node.inputs, node, node.attrs) ?? 0;
    stack.push(...node.inputs);
  }
  return total;
}
