import { checkBooleans, checkInteger, checkNumber, checkOptionNames, shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import { type Node, scalarLeaf } from '../../graph/node.js';
import { sameShape, showShape } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import { Parameter } from '../../tensor/parameter.js';
import { Tensor } from '../../tensor/tensor.js';
import { checkCounts, nodeOf } from '../arguments.js';
import { uniform, zeroWeights } from '../init.js';
import { Module } from '../module.js';
import { dropped } from './attention.js';
import { Lengths } from './lengths.js';
import { recurrence } from './recurrence.js';
import { checkNonlinearity, checkPair, type Nonlinearity } from './recurrent-options.js';

/** Options of {@link RNN}, {@link GRU} and {@link LSTM}. */
export interface RecurrentOptions {
  numLayers?: number;
  bias?: boolean;
  /** Whether inputs and outputs are [N, T, …]; otherwise [T, N, …]. States are always [layers, N, …]. */
  batchFirst?: boolean;
  /** Probability of dropping a value between layers in training. */
  dropout?: number;
  /** Whether a second network reads each sequence from its end. */
  bidirectional?: boolean;
}

/** Options of {@link LSTM}. */
export interface LstmOptions extends RecurrentOptions {
  /** Number of values to which h is projected (arXiv:1402.1128); 0, the default, for none. */
  projSize?: number;
}

/** Options of a forward pass of {@link RNN}, {@link GRU} and {@link LSTM}. */
export type RecurrentCall = {
  /**
   * Number of positions of each sequence; later ones are padding, which affects nothing and whose outputs are 0. States
   * are those after the last position of each sequence. An array, or an int32 tensor of known values.
   */
  lengths?: ArrayLike<number> | Tensor;
};

const DIRECTIONS = ['', '_reverse'] as const;

/**
 * Base class of recurrent networks: their parameters, which have PyTorch's names (`weight_ih_l0`,
 * `bias_hh_l1_reverse`), and the loop over layers and directions. A state is one or several tensors
 * [layers · directions, N, hiddenSize].
 */
abstract class Recurrent<Out> extends Module<Out> {
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  /** Size of the outputs and of h: hiddenSize, unless h is projected. */
  private readonly width: number;
  private readonly weights = new Map<string, Parameter>();

  /** @param gates rows of the weights for each hidden unit @param projSize size to which h is projected; 0 for none */
  constructor(
    readonly inputSize: number,
    readonly hiddenSize: number,
    gates: number,
    options: RecurrentOptions,
    readonly projSize = 0,
  ) {
    super();
    const name = this.typeName;
    const { numLayers = 1, bias = true, batchFirst = false, dropout = 0, bidirectional = false } = options;
    checkCounts(name, { inputSize, hiddenSize, numLayers }, 1);
    checkInteger(name, 'projSize', projSize, { most: hiddenSize - 1 });
    checkBooleans(name, { bias, batchFirst, bidirectional });
    checkNumber(name, 'dropout', dropout, { least: 0, most: 0.999999, expected: 'a probability in [0, 1)' });
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    this.width = projSize || hiddenSize;
    const rows = gates * hiddenSize;
    const bound = 1 / Math.sqrt(hiddenSize);
    const add = (key: string, shape: readonly number[]): void => {
      const made = new Parameter(zeroWeights(name, shape), shape);
      uniform(made, { low: -bound, high: bound });
      this.weights.set(key, made);
    };
    for (let layer = 0; layer < numLayers; layer++)
      for (const direction of this.directions) {
        const features = layer === 0 ? inputSize : this.width * this.directions.length;
        const suffix = `l${layer}${direction}`;
        add(`weight_ih_${suffix}`, [rows, features]);
        add(`weight_hh_${suffix}`, [rows, this.width]);
        if (bias) for (const of of ['ih', 'hh']) add(`bias_${of}_${suffix}`, [rows]);
        if (projSize > 0) add(`weight_hr_${suffix}`, [projSize, hiddenSize]);
      }
  }

  private get directions(): readonly string[] {
    return this.bidirectional ? DIRECTIONS : DIRECTIONS.slice(0, 1);
  }

  protected override *members(): Iterable<readonly [string, Parameter]> {
    yield* this.weights;
  }

  /** A weight by PyTorch's name, such as `weight_ih_l0`. */
  weight(name: string): Parameter {
    const found = this.weights.get(name);
    if (found) return found;
    throw new UsageError({
      what: `${this.typeName} has no weight ${shown(name)}`,
      expected: [...this.weights.keys()].join(', '),
      got: shown(name),
    });
  }

  /** The layer's kind, an argument of `recurrence`. */
  protected abstract get cell(): ops.Cell;

  /**
   * Runs all layers over a sequence.
   *
   * @param given the initial states, each [layers · directions, N, hiddenSize]; zeros if undefined
   * @param count number of tensors in a state
   */
  protected run(
    x: Tensor,
    given: readonly Tensor[] | undefined,
    count: number,
    options: RecurrentCall,
  ): [Tensor, Tensor[]] {
    checkOptionNames(this.typeName, options, ['lengths']);
    return this.scoped(() => {
      const node = nodeOf(this.typeName, x);
      const batched = node.shape.length === 3;
      this.check(node);
      const sequence = !batched ? ops.unsqueeze(node, 1) : this.batchFirst ? ops.transpose(node, 0, 1) : node;
      const states = this.states(sequence, given, count, batched);
      const lengths = this.lengths(sequence, options.lengths);
      const ends: Node[][] = [];
      let y = lengths ? lengths.cut(sequence) : sequence;
      for (let layer = 0; layer < this.numLayers; layer++) {
        const p = this.training && layer > 0 ? this.dropout : 0;
        const read = dropped(y, p);
        const outputs = this.directions.map((direction) => {
          const begin = states.map((state) => ops.select(state, 0, ends.length));
          const suffix = `l${layer}${direction}`;
          const reverse = direction !== '';
          const { outputs: made, end } = lengths
            ? this.walkWithin(lengths, read, begin, suffix, reverse)
            : this.walk(read, begin, suffix, reverse);
          ends.push(end);
          return made;
        });
        y = ops.concat(outputs, 2);
      }
      const final = states.map((_, i) =>
        ops.stack(
          ends.map((end) => end[i]!),
          0,
        ),
      );
      const out = !batched ? ops.squeeze(y, [1]) : this.batchFirst ? ops.transpose(y, 0, 1) : y;
      return [new Tensor(out), final.map((state) => new Tensor(batched ? state : ops.squeeze(state, [1])))];
    });
  }

  /** Like `walk`, for sequences of given lengths. */
  private walkWithin(
    lengths: Lengths,
    x: Node,
    begin: readonly Node[],
    suffix: string,
    reverse: boolean,
  ): { outputs: Node; end: Node[] } {
    const read = reverse ? lengths.reversed(x) : x;
    const { outputs, end } = this.walk(read, begin, suffix, false, lengths);
    const made = lengths.cut(outputs);
    return {
      outputs: reverse ? lengths.reversed(made) : made,
      end: [lengths.last(outputs), ...end.slice(1)],
    };
  }

  /** One layer in one direction: its outputs [T, N, hiddenSize], and the state after the last position. */
  private walk(
    x: Node,
    begin: readonly Node[],
    suffix: string,
    reverse: boolean,
    lengths?: Lengths,
  ): { outputs: Node; end: Node[] } {
    const of = (kind: string): Node | undefined => this.weights.get(`${kind}_${suffix}`)?.node;
    const [w, inputBias, hiddenBias] = [of('weight_hh')!, of('bias_ih'), of('bias_hh')];
    const { cell } = this;
    const gru = cell === 'gru';
    // The inputs of all positions in one product, with both biases where they are added to the same sum.
    const bias = inputBias && hiddenBias && !gru ? ops.add(inputBias, hiddenBias) : inputBias;
    const inputs = ops.linear(x, of('weight_ih')!, bias);
    const none = gru && !hiddenBias ? this.zeros(x, [w.shape[0]!]) : undefined;
    const { y, end } = recurrence({
      cell,
      reverse,
      x: lengths ? lengths.held(inputs, cell) : inputs,
      w,
      begin,
      bias: gru ? (hiddenBias ?? none) : undefined,
      projection: of('weight_hr'),
    });
    return { outputs: y, end };
  }

  private lengths(x: Node, given: RecurrentCall['lengths']): Lengths | undefined {
    const [positions, n] = x.shape as [number, number];
    return given === undefined ? undefined : new Lengths(this.typeName, given, positions, n);
  }

  private zeros({ dtype }: Node, shape: readonly number[]): Node {
    return ops.broadcastTo(scalarLeaf(0, dtype), shape);
  }

  private states(x: Node, given: readonly Tensor[] | undefined, count: number, batched: boolean): Node[] {
    const n = x.shape[1]!;
    // The first tensor of a state is h, the second one c.
    const shapes = [this.width, this.hiddenSize]
      .slice(0, count)
      .map((size) => [this.numLayers * this.directions.length, n, size]);
    if (!given) return shapes.map((shape) => this.zeros(x, shape));
    return given.map((tensor, i) => {
      const shape = shapes[i]!;
      const node = nodeOf(this.typeName, tensor);
      const full = batched || node.shape.length !== 2 ? node : ops.unsqueeze(node, 1);
      if (sameShape(full.shape, shape)) return full;
      throw new ShapeError({
        what: `${this.typeName} got a state that does not fit`,
        expected: showShape(batched ? shape : [shape[0]!, shape[2]!]),
        got: showShape(node.shape),
      });
    });
  }

  private check({ shape }: Node): void {
    const rank = shape.length;
    const positions = shape[rank === 3 && this.batchFirst ? 1 : 0];
    if ((rank === 2 || rank === 3) && shape[rank - 1] === this.inputSize && positions !== 0) return;
    const batched = this.batchFirst ? `[N, T, ${this.inputSize}]` : `[T, N, ${this.inputSize}]`;
    throw new ShapeError({
      what: `${this.typeName} got an input that does not fit`,
      expected: `sequences ${batched} or one of [T, ${this.inputSize}], with at least one position`,
      got: showShape(shape),
    });
  }

  protected override extraRepr(): string {
    const { numLayers, bias, batchFirst, dropout, bidirectional } = this;
    let text = `${this.inputSize}, ${this.hiddenSize}`;
    if (this.projSize > 0) text += `, proj_size=${this.projSize}`;
    if (numLayers !== 1) text += `, num_layers=${numLayers}`;
    if (!bias) text += ', bias=False';
    if (batchFirst) text += ', batch_first=True';
    if (dropout !== 0) text += `, dropout=${dropout}`;
    if (bidirectional) text += ', bidirectional=True';
    return text;
  }
}

const OPTIONS = ['numLayers', 'bias', 'batchFirst', 'dropout', 'bidirectional'];

/**
 * Elman's recurrent network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with ReLU instead of tanh. The result is the
 * sequence of the last layer's outputs [T, N, hiddenSize · directions] (or batch first) and the last states
 * [layers · directions, N, hiddenSize]. Parameters have PyTorch's names.
 *
 * @example
 * const [y, h] = new RNN(8, 16).forward(x); // [T, N, 8] → [T, N, 16] and [1, N, 16]
 * const [z] = new RNN(8, 16).forward(x, undefined, { lengths: [5, 3] }); // N = 2 sequences, the second one padded
 */
export class RNN extends Recurrent<[Tensor, Tensor]> {
  readonly nonlinearity: Nonlinearity;

  constructor(
    inputSize: number,
    hiddenSize: number,
    options: RecurrentOptions & { nonlinearity?: Nonlinearity } = {},
  ) {
    checkOptionNames('RNN', options, [...OPTIONS, 'nonlinearity']);
    super(inputSize, hiddenSize, 1, options);
    this.nonlinearity = checkNonlinearity('RNN', options.nonlinearity);
  }

  forward(x: Tensor, state?: Tensor, options: RecurrentCall = {}): [Tensor, Tensor] {
    const [y, [end]] = this.run(x, state === undefined ? undefined : [state], 1, options);
    return [y, end!];
  }

  protected override get cell(): ops.Cell {
    return this.nonlinearity;
  }
}

/**
 * Gated recurrent units (arXiv:1406.1078), as PyTorch computes them: r and z gates, n = tanh(x_n + r · h_n),
 * h' = (1 − z) · n + z · h. Shapes are those of {@link RNN}.
 */
export class GRU extends Recurrent<[Tensor, Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    checkOptionNames('GRU', options, OPTIONS);
    super(inputSize, hiddenSize, 3, options);
  }

  forward(x: Tensor, state?: Tensor, options: RecurrentCall = {}): [Tensor, Tensor] {
    const [y, [end]] = this.run(x, state === undefined ? undefined : [state], 1, options);
    return [y, end!];
  }

  protected override get cell(): ops.Cell {
    return 'gru';
  }
}

/** The state of an {@link LSTM}: h and c, each [layers · directions, N, hiddenSize] (h: projSize, if it is given). */
export type LstmState = readonly [Tensor, Tensor];

/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997) with input, forget and output gates: c' = f · c + i · g,
 * h' = o · tanh(c'). Shapes are those of {@link RNN}; the state is a pair (h, c). With `projSize`, h' is multiplied by weights
 * [projSize, hiddenSize], and outputs and h have that size. Large layers with it are computed position by position, which
 * is slower; others are about as fast as without it.
 *
 * @example
 * const lstm = new LSTM(65, 128, { numLayers: 2, batchFirst: true });
 * const [y, state] = lstm.forward(x); // [N, T, 65] → [N, T, 128]
 * const [next] = lstm.forward(more, state);
 */
export class LSTM extends Recurrent<[Tensor, LstmState]> {
  constructor(inputSize: number, hiddenSize: number, options: LstmOptions = {}) {
    checkOptionNames('LSTM', options, [...OPTIONS, 'projSize']);
    super(inputSize, hiddenSize, 4, options, options.projSize);
  }

  forward(x: Tensor, state?: LstmState, options: RecurrentCall = {}): [Tensor, LstmState] {
    const [y, [h, c]] = this.run(x, checkPair('LSTM', state), 2, options);
    return [y, [h!, c!]];
  }

  protected override get cell(): ops.Cell {
    return 'lstm';
  }
}
