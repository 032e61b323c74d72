import type { Node } from '../../graph/node.js';
import { relu, sigmoid, tanh } from '../activations.js';
import { select, split, stack } from '../arrange/parts.js';
import { narrow } from '../arrange/slice.js';
import { add, mul, sub } from '../binary.js';
import { linear } from '../matmul.js';
import type { Cell } from './recurrent.js';

/** Inputs of a recurrent layer, as those of `recurrent`. */
export interface Unrolled {
  readonly x: Node;
  readonly w: Node;
  /** The first states [N, H]: h, and c of an LSTM. */
  readonly begin: readonly Node[];
  /** GRU: the bias of the product with the state before. */
  readonly bias: Node | undefined;
  /** Added to the product with the state before: [T, N, gates · H]. */
  readonly extra?: Node;
  /** LSTM: weights [P, H] by which each h is multiplied; h is [N, P] then, and w [gates · H, P]. */
  readonly projection?: Node | undefined;
}

/** One position: the next state from the inputs of the gates and the product with the state before. */
const STEPS: Readonly<Record<Cell, (x: Node, product: Node, state: readonly Node[]) => Node[]>> = {
  lstm: (x, product, [, c]) => {
    const [i, f, g, o] = split(add(x, product), c!.shape[1]!, 1) as [Node, Node, Node, Node];
    const memory = add(mul(sigmoid(f), c!), mul(sigmoid(i), tanh(g)));
    return [mul(sigmoid(o), tanh(memory)), memory];
  },
  gru: (x, product, [h]) => {
    const size = h!.shape[1]!;
    // The reset and update gates are computed together, with one sigmoid.
    const both = sigmoid(add(narrow(x, 1, 0, 2 * size), narrow(product, 1, 0, 2 * size)));
    const [reset, update] = split(both, size, 1) as [Node, Node];
    const inner = mul(reset, narrow(product, 1, 2 * size, size));
    const fresh = tanh(add(narrow(x, 1, 2 * size, size), inner));
    return [add(fresh, mul(update, sub(h!, fresh)))];
  },
  tanh: (x, product) => [tanh(add(x, product))],
  relu: (x, product) => [relu(add(x, product))],
};

/**
 * A recurrent layer in operations of single positions: the outputs [T, N, H] and the state after the last position. It
 * computes the same as `recurrent`, slower; it can be differentiated any number of times, and ONNX has all its operations.
 */
export function unrolled(
  cell: Cell,
  { x, w, begin, bias, extra, projection }: Unrolled,
  reverse: boolean,
): { y: Node; end: Node[] } {
  const length = x.shape[0]!;
  const outputs = new Array<Node>(length);
  let state = [...begin];
  for (let n = 0; n < length; n++) {
    const at = reverse ? length - 1 - n : n;
    const product = linear(state[0]!, w, bias);
    const whole = extra ? add(product, select(extra, 0, at)) : product;
    const [h, ...rest] = STEPS[cell](select(x, 0, at), whole, state);
    state = [projection ? linear(h!, projection) : h!, ...rest];
    outputs[at] = state[0]!;
  }
  return { y: stack(outputs, 0), end: state };
}
