import { hostLeaf } from '../../../graph/node.js';
import { makeArray, type Shape, showShape } from '../../../graph/types.js';
import { Module } from '../../../nn/module.js';
import * as ops from '../../../ops/index.js';
import type { Parameter } from '../../../tensor/parameter.js';
import { Tensor } from '../../../tensor/tensor.js';
import type { Compiled } from './compile.js';
import { narrowed } from './narrow-types.js';
import { Values } from './program.js';
import { misfit } from './refuse.js';

/** A shape; a free dimension is given by its name, or ''. */
export type OpenShape = readonly (number | string)[];

/** Metadata of an ONNX file. */
export interface OnnxDescription {
  /** Name of the file, for messages. */
  readonly name: string;
  /** Program that wrote the file. */
  readonly producer: string;
  readonly opset: number;
  readonly metadata: ReadonlyMap<string, string>;
  readonly inputName: string;
  readonly inputShape: OpenShape;
  readonly inputType: 'float32' | 'int32';
  readonly outputShape: OpenShape | undefined;
}

/**
 * A network from an ONNX file with one input and one output. Parameters have the names of the file. Each node that
 * computes tensors is a submodule.
 */
export class OnnxModel extends Module {
  readonly #compiled: Compiled;

  constructor(
    readonly description: OnnxDescription,
    compiled: Compiled,
  ) {
    super();
    this.#compiled = compiled;
    // Give the submodules their paths, for errors.
    this.namedModules();
  }

  protected override *members(): Iterable<readonly [string, Module | Parameter]> {
    yield* this.#compiled.parameters;
    yield* this.#compiled.operators;
  }

  /**
   * @param x input of the shape declared in the file; named dimensions are free
   * @throws ShapeError
   */
  forward(x: Tensor): Tensor {
    const { name, inputShape, inputType } = this.description;
    const fits =
      x.shape.length === inputShape.length &&
      inputShape.every((size, i) => typeof size === 'string' || size === x.shape[i]);
    if (!fits || x.dtype !== inputType)
      misfit(
        `${name} got a wrong input`,
        `${inputType} ${showOpen(inputShape)}`,
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

  /** Infers the output shape without computing values. @throws ShapeError for shapes that do not match */
  check(shape: Shape): Shape {
    const { inputType } = this.description;
    return this.forward(new Tensor(hostLeaf(makeArray(inputType, 0), shape, inputType))).shape;
  }

  protected override extraRepr(): string {
    const { opset, producer, inputShape } = this.description;
    return `input=${showOpen(inputShape)}, opset=${opset}${producer ? `, producer=${producer}` : ''}`;
  }
}

/** Formats a shape: `[batch, 3, 224, 224]`, with ? for a free dimension without a name. */
export const showOpen = (shape: OpenShape): string =>
  `[${shape.map((size) => (size === '' ? '?' : size)).join(', ')}]`;
