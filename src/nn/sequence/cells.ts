import { checkBooleans, checkOptionNames } from '../../errors/arguments.js';
import { ShapeError } from '../../errors/errors.js';
import { type Node, scalarLeaf } from '../../graph/node.js';
import { showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Parameter } from '../../tensor/parameter.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkCounts, nodeOf } from '../arguments.js';
import { uniform, zeroWeights } from '../init.js';
import { Module } from '../module.js';
import { recurrence } from './recurrence.js';
import { checkNonlinearity, checkPair, type Nonlinearity } from './recurrent-options.js';

/** Options of {@link GRUCell} and {@link LSTMCell}. */
export interface RecurrentCellOptions {
  bias?: boolean;
}

/**
 * Base class of cells: one position of a recurrent layer, for loops of one's own. Parameters have PyTorch's names
 * (`weight_ih`, `bias_hh`).
 */
abstract class RecurrentCell<Out> extends Module<Out> {
  readonly weightIh: Parameter;
  readonly weightHh: Parameter;
  /** The biases of the input and of the state before; null without `bias`. */
  readonly biasIh: Parameter | null;
  readonly biasHh: Parameter | null;

  protected static override readonly parameterNames: readonly string[] = [
    'weightIh',
    'weightHh',
    'biasIh',
    'biasHh',
  ];

  /** @param gates rows of the weights for each hidden unit */
  constructor(
    readonly inputSize: number,
    readonly hiddenSize: number,
    gates: number,
    { bias = true }: RecurrentCellOptions,
  ) {
    super();
    const name = this.typeName;
    checkCounts(name, { inputSize, hiddenSize }, 1);
    checkBooleans(name, { bias });
    const rows = gates * hiddenSize;
    const bound = 1 / Math.sqrt(hiddenSize);
    const made = (...shape: number[]): Parameter => {
      const parameter = new Parameter(zeroWeights(name, shape), shape);
      uniform(parameter, { low: -bound, high: bound });
      return parameter;
    };
    this.weightIh = made(rows, inputSize);
    this.weightHh = made(rows, hiddenSize);
    this.biasIh = bias ? made(rows) : null;
    this.biasHh = bias ? made(rows) : null;
  }

  protected abstract get cell(): ops.Cell;

  /**
   * The next state.
   *
   * @param given the state before, each tensor [N, hiddenSize], or [hiddenSize] for one sample; zeros if undefined
   * @param count number of tensors in a state
   */
  protected next(x: Tensor, given: readonly Tensor[] | undefined, count: number): Tensor[] {
    return this.scoped(() => {
      const { cell, weightHh, biasIh, biasHh } = this;
      const node = nodeOf(this.typeName, x);
      this.check(node);
      const batched = node.shape.length === 2;
      const rows = batched ? node : ops.unsqueeze(node, 0);
      const begin = this.begin(rows, given, count, batched);
      const zero = (shape: readonly number[]): Node => ops.broadcastTo(scalarLeaf(0, node.dtype), shape);
      // A GRU adds its second bias inside the product with the reset gate.
      const gru = cell === 'gru';
      const bias = biasIh && biasHh && !gru ? ops.add(biasIh.node, biasHh.node) : biasIh?.node;
      const inputs = ops.linear(rows, this.weightIh.node, bias);
      const { end } = recurrence({
        cell,
        reverse: false,
        x: ops.unsqueeze(inputs, 0),
        w: weightHh.node,
        begin,
        bias: gru ? (biasHh?.node ?? zero([weightHh.shape[0]!])) : undefined,
      });
      return end.map((state) => new Tensor(batched ? state : ops.squeeze(state, [0])));
    });
  }

  private begin(x: Node, given: readonly Tensor[] | undefined, count: number, batched: boolean): Node[] {
    const shape = [x.shape[0]!, this.hiddenSize];
    if (!given) return Array.from({ length: count }, () => ops.broadcastTo(scalarLeaf(0, x.dtype), shape));
    const expected = batched ? shape : [this.hiddenSize];
    return given.map((tensor) => {
      const node = nodeOf(this.typeName, tensor);
      if (node.shape.join() === expected.join()) return batched ? node : ops.unsqueeze(node, 0);
      throw new ShapeError({
        what: `${this.typeName} got a state that does not fit`,
        expected: showShape(expected),
        got: showShape(node.shape),
      });
    });
  }

  private check({ shape }: Node): void {
    const rank = shape.length;
    if ((rank === 1 || rank === 2) && shape[rank - 1] === this.inputSize) return;
    throw new ShapeError({
      what: `${this.typeName} got an input that does not fit`,
      expected: `samples [N, ${this.inputSize}] or one of [${this.inputSize}]`,
      got: showShape(shape),
    });
  }

  protected override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.biasIh ? '' : ', bias=False'}`;
  }
}

/**
 * One position of an {@link RNN}: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with ReLU instead of tanh.
 * [N, inputSize] and [N, hiddenSize] → [N, hiddenSize]; without N for one sample.
 *
 * @example
 * const cell = new RNNCell(8, 16);
 * let h: Tensor | undefined;
 * for (const x of sequence.unbind(0)) h = cell.forward(x, h);
 */
export class RNNCell extends RecurrentCell<Tensor> {
  readonly nonlinearity: Nonlinearity;

  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentCellOptions & { nonlinearity?: Nonlinearity } = {},
  ) {
    checkOptionNames('RNNCell', options, ['bias', 'nonlinearity']);
    super(inputSize, hiddenSize, 1, options);
    this.nonlinearity = checkNonlinearity('RNNCell', options.nonlinearity);
  }

  forward(x: Tensor, state?: Tensor): Tensor {
    return this.next(x, state === undefined ? undefined : [state], 1)[0]!;
  }

  protected override get cell(): ops.Cell {
    return this.nonlinearity;
  }

  protected override extraRepr(): string {
    const nonlinearity = this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`;
    return super.extraRepr() + nonlinearity;
  }
}

/** One position of a {@link GRU}. Shapes are those of {@link RNNCell}. */
export class GRUCell extends RecurrentCell<Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    checkOptionNames('GRUCell', options, ['bias']);
    super(inputSize, hiddenSize, 3, options);
  }

  forward(x: Tensor, state?: Tensor): Tensor {
    return this.next(x, state === undefined ? undefined : [state], 1)[0]!;
  }

  protected override get cell(): ops.Cell {
    return 'gru';
  }
}

/**
 * One position of an {@link LSTM}. The state is a pair (h, c), each [N, hiddenSize], or [hiddenSize] for one sample.
 *
 * @example
 * const [h, c] = new LSTMCell(8, 16).forward(x, [h0, c0]); // [N, 8] → [N, 16] and [N, 16]
 */
export class LSTMCell extends RecurrentCell<[Tensor, Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentCellOptions = {}) {
    checkOptionNames('LSTMCell', options, ['bias']);
    super(inputSize, hiddenSize, 4, options);
  }

  forward(x: Tensor, state?: readonly [Tensor, Tensor]): [Tensor, Tensor] {
    const [h, c] = this.next(x, checkPair('LSTMCell', state), 2);
    return [h!, c!];
  }

  protected override get cell(): ops.Cell {
    return 'lstm';
  }
}
