import { hostLeaf } from '../../../graph/node.js';
import { type Shape, showShape } from '../../../graph/types.js';
import { Module } from '../../../nn/module.js';
import * as ops from '../../../ops/index.js';
import { type Parameter, Tensor } from '../../../tensor/tensor.js';
import type { Compiled } from './compile.js';
import { narrowed } from './narrow-types.js';
import { Values } from './program.js';
import { misfit } from './refuse.js';

/** Sizes, and names (or '') of dimensions that any size may have. */
export type OpenShape = readonly (number | string)[];

/** What an ONNX file says beside its graph. */
export interface OnnxDescription {
  /** What messages call the file. */
  readonly name: string;
  /** The program that wrote it. */
  readonly producer: string;
  readonly opset: number;
  readonly metadata: ReadonlyMap<string, string>;
  readonly inputName: string;
  readonly inputShape: OpenShape;
  readonly outputShape: OpenShape | undefined;
}

/**
 * A network from an ONNX file: one input, one output. Parameters have the file's names, and each of its nodes
 * that computes tensors is a layer below it.
 */
export class OnnxModel extends Module {
  readonly #compiled: Compiled;

  constructor(
    readonly description: OnnxDescription,
    compiled: Compiled,
  ) {
    super();
    this.#compiled = compiled;
    // Layers learn their paths, for errors.
    this.namedModules();
  }

  protected override *members(): Iterable<readonly [string, Module | Parameter]> {
    yield* this.#compiled.parameters;
    yield* this.#compiled.operators;
  }

  /**
   * @param x of the shape that the file's input has; dimensions with a name are free
   * @throws ShapeError
   */
  forward(x: Tensor): Tensor {
    const { name, inputShape } = this.description;
    const fits =
      x.shape.length === inputShape.length &&
      inputShape.every((size, i) => typeof size === 'string' || size === x.shape[i]);
    if (!fits || x.dtype !== 'float32')
      misfit(
        `${name} cannot take this input`,
        `float32 ${showOpen(inputShape)}`,
        `${x.dtype} ${showShape(x.shape)}`,
      );
    const values = new Values();
    values.set(this.description.inputName, x);
    const y = this.#compiled.program.run(values)[0]!;
    const { kind, type } = this.#compiled.output;
    if (kind === 'integer') return y;
    const node = kind === 'mask' && y.dtype !== 'int32' ? ops.cast(y.node, 'int32') : narrowed(y.node, type);
    return node === y.node ? y : new Tensor(node);
  }

  /** Kind of the operator whose result the model gives, such as Softmax. */
  get lastOperator(): string | undefined {
    const [output] = this.#compiled.program.outputs;
    return [...this.#compiled.operators.values()].find((operator) => operator.output === output)?.typeName;
  }

  /** Sends a shape through, which finds what does not fit. Computes nothing. */
  check(shape: Shape): Shape {
    return this.forward(new Tensor(hostLeaf(new Float32Array(0), shape, 'float32'))).shape;
  }

  protected override extraRepr(): string {
    const { opset, producer, inputShape } = this.description;
    return `input=${showOpen(inputShape)}, opset=${opset}${producer ? `, producer=${producer}` : ''}`;
  }
}

/** `[batch, 3, 224, 224]`; a question mark for a dimension that has no name either. */
export const showOpen = (shape: OpenShape): string =>
  `[${shape.map((size) => (size === '' ? '?' : size)).join(', ')}]`;
