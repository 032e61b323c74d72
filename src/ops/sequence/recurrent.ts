import type { Node } from '../../graph/node.js';
import { type Spec, sameShape } from '../../graph/types.js';
import { define, floatOf, type NodeMaker, need } from '../operation.js';

/** What computes a state from the state before: an LSTM, a GRU, or one layer with tanh or ReLU. */
export type Cell = 'lstm' | 'gru' | 'tanh' | 'relu';

/** Sizes of a cell's values, in multiples of the number of hidden units. */
export interface CellSizes {
  /** Rows of the weights: LSTM i, f, g, o; GRU r, z, n. */
  readonly gates: number;
  /** Values kept of each position, of which h is the last: LSTM i, f, g, o, c, h; GRU r, z, n, q, h; otherwise h. */
  readonly record: number;
  /**
   * Gradients of each position: those of the gates before their activation. GRU: of r, z, q and n, where n is
   * tanh(x + r · q) and q the product with the state before.
   */
  readonly grads: number;
}

export const CELLS: Readonly<Record<Cell, CellSizes>> = {
  lstm: { gates: 4, record: 6, grads: 4 },
  gru: { gates: 3, record: 5, grads: 4 },
  tanh: { gates: 1, record: 1, grads: 1 },
  relu: { gates: 1, record: 1, grads: 1 },
};

export type RecurrentAttrs = {
  readonly cell: Cell;
  /** Whether positions are read from the last to the first. */
  readonly reverse: boolean;
};
export type RecurrentStartAttrs = RecurrentAttrs & {
  /** Which part of the state: 'h', or 'c' of an LSTM. */
  readonly of: 'h' | 'c';
};

const needState = (spec: Spec, n: number, size: number): void =>
  need(sameShape(spec.shape, [n, size]), () => `a state [${n}, ${size}]`, spec.shape);

const forward: NodeMaker<RecurrentAttrs> = define<RecurrentAttrs>({
  name: 'recurrent',
  infer: (inputs, { cell }) => {
    const [x, w, h, second] = inputs as [Spec, Spec, Spec, Spec | undefined];
    const { gates, record } = CELLS[cell];
    need(x.shape.length === 3 && x.shape[0]! > 0, 'inputs of gates [T, N, …]', x.shape);
    need(
      w.shape.length === 2 && w.shape[0] === gates * w.shape[1]!,
      () => `weights [${gates} · H, H]`,
      w.shape,
    );
    const [length, n, rows] = x.shape as [number, number, number];
    const size = w.shape[1]!;
    need(
      rows === gates * size,
      () => `${gates * size} inputs of gates`,
      () => `${rows}`,
    );
    needState(h, n, size);
    if (cell === 'lstm') needState(second!, n, size);
    if (cell === 'gru') need(sameShape(second!.shape, [rows]), () => `a bias [${rows}]`, second!.shape);
    return { shape: [length, n, record * size], dtype: floatOf(...inputs) };
  },
  macs: ([x, w]) => x!.shape[0]! * x!.shape[1]! * w!.shape[0]! * w!.shape[1]!,
});

/** Shape of the gradients [T, N, grads · H]. */
const gradShape = (inputs: readonly Spec[], { cell }: RecurrentAttrs): number[] => {
  const [length, n, size] = inputs[0]!.shape as [number, number, number];
  return [length, n, CELLS[cell].grads * size];
};

const backward: NodeMaker<RecurrentAttrs> = define<RecurrentAttrs>({
  name: 'recurrentGrad',
  infer: (inputs, attrs) => ({ shape: gradShape(inputs, attrs), dtype: floatOf(...inputs) }),
  macs: ([dy, , w]) => dy!.shape[0]! * dy!.shape[1]! * w!.shape[0]! * w!.shape[1]!,
});

const start: NodeMaker<RecurrentStartAttrs> = define<RecurrentStartAttrs>({
  name: 'recurrentGradStart',
  infer: (inputs) => ({ shape: inputs[0]!.shape.slice(1), dtype: floatOf(...inputs) }),
  macs: ([dy, , w]) => dy!.shape[0]! * dy!.shape[1]! * w!.shape[0]! * w!.shape[1]!,
});

/**
 * All positions of a recurrent layer: the record [T, N, record · H] of {@link CELLS}. It has no gradient of its own:
 * `nn/sequence/recurrence.ts` defines the gradients of what is read from it.
 *
 * @param x inputs of the gates, from the input of the layer: [T, N, gates · H]
 * @param w weights [gates · H, H] of the state before
 * @param h the first state [N, H]
 * @param second LSTM: the first c [N, H]; GRU: the bias [gates · H] of the product with the state before
 */
export const recurrent = (x: Node, w: Node, h: Node, second: Node | undefined, attrs: RecurrentAttrs): Node =>
  forward(second ? [x, w, h, second] : [x, w, h], attrs);

/** Inputs of the backward pass. */
export interface RecurrentGrads {
  /** Gradient with respect to h of all positions: [T, N, H]. */
  readonly dy: Node;
  readonly record: Node;
  readonly w: Node;
  /** The first states [N, H]: h, and c of an LSTM. */
  readonly begin: readonly Node[];
  /** LSTM: the gradient with respect to the last c [N, H]. */
  readonly dc: Node | undefined;
}

const ofBackward = ({ dy, record, w, begin, dc }: RecurrentGrads): Node[] => [
  dy,
  record,
  w,
  ...begin,
  ...(dc ? [dc] : []),
];

/** Gradients of each position [T, N, grads · H]: see {@link CELLS}. */
export const recurrentGrad = (inputs: RecurrentGrads, attrs: RecurrentAttrs): Node =>
  backward(ofBackward(inputs), attrs);

/** Gradient with respect to a part of the first state: [N, H]. */
export const recurrentGradStart = (inputs: RecurrentGrads, attrs: RecurrentStartAttrs): Node =>
  start(ofBackward(inputs), attrs);
