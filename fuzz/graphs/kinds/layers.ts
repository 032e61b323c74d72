import type { Node } from '../../../src/graph/node.js';
import { type Attrs, makeArray, sizeOf } from '../../../src/graph/types.js';
import {
  type BagMode,
  Embedding,
  EmbeddingBag,
  GRU,
  GRUCell,
  LSTM,
  LSTMCell,
  type Module,
  RNN,
  RNNCell,
} from '../../../src/nn/index.js';
import * as ops from '../../../src/ops/index.js';
import { Parameter } from '../../../src/tensor/parameter.js';
import { Tensor } from '../../../src/tensor/tensor.js';
import type { Draw } from '../draw.js';
import type { Kind } from '../program.js';

/* Layers that consist of several operations, with nodes of the program as their parameters. */

/** A parameter whose values are those of a node. */
class Given extends Parameter {
  readonly #given: Node;

  constructor(node: Node) {
    super(makeArray(node.dtype, sizeOf(node.shape)), node.shape, { dtype: node.dtype });
    this.#given = node;
  }

  override get node(): Node {
    return this.#given;
  }
  override get stored(): Node {
    return this.#given;
  }
}

const flat = (tensors: readonly Tensor[]): Node =>
  ops.concat(
    tensors.map(({ node }) => ops.reshape(node, [sizeOf(node.shape)])),
    0,
  );

type CellClass = new (
  inputSize: number,
  hiddenSize: number,
  options: { bias: boolean },
) => Module<Tensor | [Tensor, Tensor]>;

/** One position of a recurrent layer. Not with ReLU: whether a unit is near its kink is not known from the result. */
const cell = (name: string, Class: CellClass, gates: number, states: 1 | 2): Kind => ({
  name,
  draw: (draw) => {
    const x = draw.ofRank(2, ([n, features]) => n! <= 40 && features! <= 40);
    const [n, features] = draw.shapeOf(x) as [number, number];
    const size = draw.dim(12);
    const [rows, bound] = [gates * size, 1 / Math.sqrt(size)];
    const [bias, state] = [draw.chance(0.7), draw.chance(0.7)];
    const inputs = [x, draw.leaf([rows, features], -bound, bound), draw.leaf([rows, size], -bound, bound)];
    if (bias) inputs.push(draw.leaf([rows]), draw.leaf([rows]));
    if (state) for (let i = 0; i < states; i++) inputs.push(draw.leaf([n, size]));
    return draw.add(name, inputs, { bias, state });
  },
  make: ([x, weightIh, weightHh, ...rest], attrs) => {
    const bias = attrs.bias as boolean;
    const layer = new Class(x!.shape[1]!, weightHh!.shape[1]!, { bias });
    Object.assign(layer, { weightIh: new Given(weightIh!), weightHh: new Given(weightHh!) });
    if (bias) Object.assign(layer, { biasIh: new Given(rest[0]!), biasHh: new Given(rest[1]!) });
    const state = rest.slice(bias ? 2 : 0).map((node) => new Tensor(node));
    const given = !attrs.state ? [] : states === 1 ? state : [state];
    return flat([layer.forward(new Tensor(x!), ...given)].flat());
  },
});

type LayerClass = typeof LSTM | typeof GRU | typeof RNN;

/** The layer that the attributes describe, and its weights by name. */
function recurrentOf(Class: LayerClass, features: number, { size, lengths: _, ...options }: Attrs) {
  const layer = new Class(features, size as number, options);
  return { layer, weights: (layer as unknown as { weights: Map<string, Parameter> }).weights };
}

/** A recurrent layer over sequences. */
const layer = (name: string, Class: LayerClass): Kind => ({
  name,
  draw: (draw) => {
    const x = draw.ofRank(3, ([length, n, features]) => length! <= 5 && n! <= 9 && features! <= 12);
    const [length, n, features] = draw.shapeOf(x) as [number, number, number];
    const size = draw.integer(2, 9);
    const attrs = {
      size,
      numLayers: draw.pick([1, 1, 2]),
      bias: draw.chance(0.8),
      bidirectional: draw.chance(0.3),
      ...(Class === LSTM && draw.chance(0.7) ? { projSize: draw.integer(1, size - 1) } : {}),
      ...(draw.chance(0.3) ? { lengths: Array.from({ length: n }, () => draw.integer(1, length)) } : {}),
    };
    const bound = 1 / Math.sqrt(size);
    const leaves = Array.from(recurrentOf(Class, features, attrs).weights.values(), ({ shape }) =>
      draw.leaf(shape, -bound, bound),
    );
    return draw.add(name, [x, ...leaves], attrs);
  },
  make: ([x, ...nodes], attrs) => {
    const { layer, weights } = recurrentOf(Class, x!.shape[2]!, attrs);
    for (const [i, key] of [...weights.keys()].entries()) weights.set(key, new Given(nodes[i]!));
    const lengths = attrs.lengths as number[] | undefined;
    const [y, state] = (layer as LSTM).forward(new Tensor(x!), undefined, lengths ? { lengths } : {});
    return flat([y, state].flat());
  },
});

/** Positions at which the bags of a list begin. */
function offsets(draw: Draw, length: number): number[] {
  const list = Array.from({ length: draw.integer(0, 4) }, () => draw.integer(0, length));
  return [0, ...list.sort((a, b) => a - b)];
}

/** A limit of the norms of a table's rows; −1 stands for infinity, which JSON lacks. */
const limits = (draw: Draw): Attrs =>
  draw.chance(0.5) ? { maxNorm: draw.pick([0, 0.5, 1, 2]), normType: draw.pick([2, 2, 1, 3, -1]) } : {};

const padding = (draw: Draw, rows: number): Attrs =>
  draw.chance(0.3) ? { paddingIdx: draw.random.integer(rows) } : {};

/** Looks up rows of a table. */
function lookUp(
  Class: typeof Embedding | typeof EmbeddingBag,
  table: Node,
  index: Node,
  attrs: Attrs,
  call = {},
): Node {
  const { normType } = attrs;
  const options = normType === -1 ? { ...attrs, normType: Number.POSITIVE_INFINITY } : attrs;
  const [rows, width] = table.shape as [number, number];
  const layer = new Class(rows, width, options);
  Object.assign(layer, { weight: new Given(table) });
  return (layer as EmbeddingBag).forward(new Tensor(index), call).node;
}

const table = (draw: Draw): number => draw.ofRank(2, ([rows, width]) => rows! <= 40 && width! <= 40);

export const layers: readonly Kind[] = [
  cell('rnnCell', RNNCell, 1, 1),
  cell('gruCell', GRUCell, 3, 1),
  cell('lstmCell', LSTMCell, 4, 2),
  layer('rnnLayer', RNN),
  layer('gruLayer', GRU),
  layer('lstmLayer', LSTM),
  {
    name: 'embedding',
    draw: (draw) => {
      const from = table(draw);
      const rows = draw.shapeOf(from)[0]!;
      const index = draw.integers(draw.shape(draw.integer(1, 2), 60), 0, rows - 1);
      return draw.add('embedding', [from, index], { ...padding(draw, rows), ...limits(draw) });
    },
    make: ([from, index], attrs) => lookUp(Embedding, from!, index!, attrs),
  },
  {
    name: 'embeddingBag',
    draw: (draw) => {
      const mode = draw.pick<BagMode>(['sum', 'mean', 'max']);
      // Two values of a program may be nearly equal, so one of them is no maximum.
      const from = mode === 'max' ? draw.distinct([draw.dim(12), draw.dim(9)]) : table(draw);
      const rows = draw.shapeOf(from)[0]!;
      const listed = draw.chance(0.5);
      const shape = listed ? [draw.dim(20)] : [draw.dim(9), draw.dim(7)];
      const inputs = [from, draw.integers(shape, 0, rows - 1)];
      if (mode === 'sum' && draw.chance(0.4)) inputs.push(draw.leaf(shape));
      return draw.add('embeddingBag', inputs, {
        mode,
        ...padding(draw, rows),
        ...(mode === 'max' ? {} : limits(draw)),
        ...(listed ? { offsets: offsets(draw, shape[0]!) } : {}),
      });
    },
    make: ([from, index, factors], { offsets: starts, ...attrs }) =>
      lookUp(EmbeddingBag, from!, index!, attrs, {
        ...(starts ? { offsets: starts } : {}),
        ...(factors ? { perSampleWeights: new Tensor(factors) } : {}),
      }),
  },
];
