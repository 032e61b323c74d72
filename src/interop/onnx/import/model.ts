import { quoted } from '../../../errors/excerpt.js';
import { hostLeaf } from '../../../graph/node.js';
import { makeArray, type Shape, showShape, sizeOf } from '../../../graph/types.js';
import { Module } from '../../../nn/module.js';
import * as ops from '../../../ops/index.js';
import type { Parameter } from '../../../tensor/parameter.js';
import { Tensor } from '../../../tensor/tensor.js';
import type { Compiled } from './compile.js';
import { narrowed } from './narrow-types.js';
import type { ValueType } from './operator.js';
import { Values } from './program.js';
import { misfit, mostElements } from './refuse.js';

/** A shape; a free dimension is given by its name, or ''. */
export type OpenShape = readonly (number | string)[];

/** An input or an output of a file. */
export interface OnnxValue {
  readonly name: string;
  /** Undefined for an output without one. */
  readonly shape: OpenShape | undefined;
  readonly type: 'float32' | 'int32';
}

/** Metadata of an ONNX file. */
export interface OnnxDescription {
  /** Name of the file, for messages. */
  readonly name: string;
  /** Program that wrote the file. */
  readonly producer: string;
  readonly opset: number;
  readonly metadata: ReadonlyMap<string, string>;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** The first input's shape and type, and the first output's shape. */
  readonly inputShape: OpenShape;
  readonly inputType: 'float32' | 'int32';
  readonly outputShape: OpenShape | undefined;
}

/**
 * A network from an ONNX file. Parameters have the names of the file. Each node that computes tensors is a submodule.
 * `forward` is for files with one input and one output, `run` for all.
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
   * @throws ShapeError, also if the file has several inputs or outputs
   */
  forward(x: Tensor): Tensor {
    const { name, inputs, outputs } = this.description;
    for (const [what, list] of [
      ['inputs', inputs],
      ['outputs', outputs],
    ] as const)
      if (list.length !== 1)
        misfit(
          `${name} has several ${what}, so forward cannot be used`,
          'a file with one input and one output',
          `${what} ${list.map((value) => quoted(value.name)).join(', ')}`,
          'call run({ name: tensor, … }), which returns a record of tensors',
        );
    return this.run({ [inputs[0]!.name]: x })[outputs[0]!.name]!;
  }

  /**
   * All outputs, by name.
   *
   * @param inputs a tensor for each input of the file, of the shape declared there; named dimensions are free
   * @throws ShapeError
   * @example
   * const { mean, variance } = model.run({ images });
   */
  run(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
    const { name, inputs: declared, outputs } = this.description;
    const given = Object.keys(inputs);
    if (given.length !== declared.length || !declared.every((input) => Object.hasOwn(inputs, input.name)))
      misfit(
        `${name} got other inputs than it has`,
        declared.map((input) => quoted(input.name)).join(', '),
        given.slice(0, 10).map(quoted).join(', ') || 'none',
      );
    const weights = [...this.#compiled.parameters.values()];
    const values = new Values(
      mostElements([...weights, ...Object.values(inputs)].reduce((sum, { shape }) => sum + sizeOf(shape), 0)),
    );
    for (const { name: input, shape, type } of declared) {
      const x = inputs[input]!;
      const fits =
        x.shape.length === shape!.length &&
        shape!.every((size, i) => typeof size === 'string' || size === x.shape[i]);
      if (!fits || x.dtype !== type)
        misfit(
          `${name} got a wrong input${declared.length > 1 ? ` ${quoted(input)}` : ''}`,
          `${type} ${showOpen(shape!)}`,
          `${x.dtype} ${showShape(x.shape)}`,
        );
      values.set(input, x);
    }
    const results = this.#compiled.program.run(values);
    return Object.fromEntries(
      results.map((y, i) => [outputs[i]!.name, asDeclared(y, this.#compiled.outputs[i]!)]),
    );
  }

  /** Infers the output shape without computing values. @throws ShapeError for shapes that do not match */
  check(shape: Shape): Shape {
    const { inputType } = this.description;
    return this.forward(new Tensor(hostLeaf(makeArray(inputType, 0), shape, inputType))).shape;
  }

  /** The same for all inputs and outputs. */
  checkAll(shapes: readonly Shape[]): Shape[] {
    const { inputs, outputs } = this.description;
    const given = inputs.map(({ name, type }, i) => [
      name,
      new Tensor(hostLeaf(makeArray(type, 0), shapes[i]!, type)),
    ]);
    const found = this.run(Object.fromEntries(given));
    return outputs.map(({ name }) => found[name]!.shape);
  }

  protected override extraRepr(): string {
    const { opset, producer, inputs } = this.description;
    return `${inputs.map(({ shape }) => `input=${showOpen(shape!)}`).join(', ')}, opset=${opset}${producer ? `, producer=${producer}` : ''}`;
  }
}

/** A result in the type that the file gives it. */
function asDeclared(y: Tensor, { kind, type }: ValueType): Tensor {
  if (kind === 'integer') return y;
  const node = kind === 'mask' && y.dtype !== 'int32' ? ops.cast(y.node, 'int32') : narrowed(y.node, type);
  return node === y.node ? y : new Tensor(node);
}

/** Formats a shape: `[batch, 3, 224, 224]`, with ? for a free dimension without a name. */
export const showOpen = (shape: OpenShape): string =>
  `[${shape.map((size) => (size === '' ? '?' : size)).join(', ')}]`;
