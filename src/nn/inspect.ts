import { checkOptionNames, shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import { hostLeaf, type Node } from '../graph/node.js';
import { isShape, makeArray, type Shape } from '../graph/types.js';
import { operationOf } from '../ops/operation.js';
import { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';
import { tensorsIn } from './nested.js';
import { type Listener, watching } from './watch.js';

/** One call of a module without submodules. */
export interface LayerSummary {
  /** Path in the model, such as `features.3`. */
  readonly name: string;
  /** Class name of the module. */
  readonly type: string;
  /** Shape of the result, or of its first tensor. */
  readonly outputShape: Shape;
  /** Number of trainable values; 0 in later calls of the same layer. */
  readonly parameters: number;
  /** Multiply-adds of convolutions and matrix products for this input. */
  readonly macs: number;
}

/** Result of {@link inspect}. */
export interface ModelSummary {
  readonly layers: LayerSummary[];
  /** Number of trainable values of the whole model. */
  readonly parameters: number;
  /** Multiply-adds of one forward pass, including those outside of layers. */
  readonly macs: number;
}

/**
 * Propagates shapes through a model in evaluation mode, without computing anything.
 *
 * @param inputShape [C, H, W] of one image, or the shape of a batch, such as [N, C, H, W] or [N, T]
 * @param options `inputType`: int32 for token ids
 * @throws ShapeError if the shape does not fit the model
 * @example
 * const { parameters, macs } = inspect(new MyNet(), [3, 224, 224]);
 */
export function inspect(
  model: Module<unknown>,
  inputShape: Shape,
  options: { inputType?: 'float32' | 'int32' } = {},
): ModelSummary {
  checkOptionNames('inspect', options, ['inputType']);
  const { inputType = 'float32' } = options;
  if (inputType !== 'float32' && inputType !== 'int32')
    throw new UsageError({
      what: 'inspect got a bad inputType',
      expected: "'float32' or 'int32'",
      got: shown(inputType),
    });
  if (!(model instanceof Module) || !isShape(inputShape))
    throw new UsageError({
      what: 'inspect takes a model and an input shape',
      expected: 'inspect(model, [3, 224, 224])',
      got: `${shown(model)} and ${shown(inputShape)}`,
    });
  const shape = inputShape.length === 3 ? [1, ...inputShape] : inputShape;
  const input = new Tensor(hostLeaf(makeArray(inputType, 0), shape, inputType));
  const modules = model.namedModules();
  const modes = modules.map(([, module]) => module.training);
  const watched = modules.filter(([, module]) => module.children().length === 0);
  const layers: LayerSummary[] = [];
  const counted = new Set<Module>();
  const listen: Listener = (name, module, inputs, output, outputs) => {
    layers.push({
      name,
      type: module.typeName,
      outputShape: output.shape,
      parameters: counted.has(module) ? 0 : parametersOf(module),
      macs: macsBetween(outputs, inputs),
    });
    counted.add(module);
  };
  try {
    // Set directly: eval() would write pending running statistics, and nothing may be computed here.
    for (const [, module] of modules) module.training = false;
    const outputs = tensorsIn(watching(watched, listen, () => model.forward(input)));
    return { layers, parameters: parametersOf(model), macs: macsBetween(outputs, [input]) };
  } finally {
    for (const [i, [, module]] of modules.entries()) module.training = modes[i]!;
  }
}

const parametersOf = (module: Module<unknown>): number =>
  module.parameters().reduce((total, parameter) => total + parameter.size, 0);

/** Multiply-adds of the nodes between inputs and outputs. */
function macsBetween(outputs: readonly Tensor[], inputs: readonly Tensor[]): number {
  const seen = new Set<Node>(inputs.map((t) => t.node));
  const stack = outputs.map((t) => t.node);
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
