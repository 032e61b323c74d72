import { type Node, scalarLeaf } from '../../graph/node.js';
import * as ops from '../../ops/index.js';
import { gradients } from '../../tensor/autograd.js';

/** Inputs of a recurrent layer in one direction: those of `ops.recurrent`. */
export interface Recurrence extends ops.Unrolled {
  readonly cell: ops.Cell;
  readonly reverse: boolean;
}

let unrolling = false;

/** Runs `body`; recurrent layers in it are written as operations of single positions. */
export function withUnrolled<T>(body: () => T): T {
  const before = unrolling;
  unrolling = true;
  try {
    return body();
  } finally {
    unrolling = before;
  }
}

const zeros = (like: Node, shape: readonly number[]): Node =>
  ops.broadcastTo(scalarLeaf(0, like.dtype), shape);

/** The outputs [T, N, H] of all positions, and the state after the last: h, and c of an LSTM, each [N, H]. */
export function recurrence(layer: Recurrence): { y: Node; end: Node[] } {
  const { projection } = layer;
  if (unrolling || (projection && !isWorthProduct(layer, projection)))
    return ops.unrolled(layer.cell, layer, layer.reverse);
  if (projection) return projected(layer, projection);
  const { cell, reverse, x, w, begin, bias } = layer;
  const attrs = { cell, reverse };
  const [length, n] = x.shape as [number, number];
  const size = w.shape[1]!;
  const record = ops.recurrent(x, w, begin[0]!, begin[1] ?? bias, attrs);
  const part = (index: number): Node => ops.narrow(record, 2, index * size, size);
  const inputs = [x, w, ...begin, ...(bias ? [bias] : [])];
  const last = (of: Node): Node => ops.select(of, 0, reverse ? 0 : length - 1);
  const y: Node = ops.custom('recurrent', part(ops.CELLS[cell].record - 1), inputs, (_, dy) =>
    backward(layer, record, y, dy, cell === 'lstm' ? zeros(x, [n, size]) : undefined),
  );
  if (cell !== 'lstm') return { y, end: [last(y)] };
  // What leaves through c is a backward pass of its own: both are linear in the gradients that arrive.
  const c = ops.custom('recurrent', last(part(4)), inputs, (_, dc) =>
    backward(layer, record, y, zeros(x, [length, n, size]), dc),
  );
  return { y, end: [last(y), c] };
}

/** Multiplications that cost about as much as the operations of a single position. */
const POSITION = 2 ** 22;

/**
 * Whether an LSTM with a projection is faster with the product of both weights: it saves the operations of single
 * positions, but takes more multiplications in each, and those of the product itself.
 */
function isWorthProduct({ x }: Recurrence, projection: Node): boolean {
  const [length, n] = x.shape as [number, number];
  const [size, hidden] = projection.shape as [number, number];
  const more = n * hidden * (4 * hidden - 5 * size);
  return length > 1 && length * n >= size && more <= POSITION;
}

/**
 * An LSTM with a projection as one without: with h = P m, W h is (W P) m, so m is the state of a layer with the weights
 * W P. The first h is that of no m, so its product is added to the inputs of the first position.
 */
function projected(layer: Recurrence, projection: Node): { y: Node; end: Node[] } {
  const { x, w, begin, reverse } = layer;
  const [h, c] = begin as [Node, Node];
  const length = x.shape[0]!;
  const first = reverse ? length - 1 : 0;
  const begun = ops.add(ops.narrow(x, 0, first, 1), ops.unsqueeze(ops.linear(h, w), 0));
  const others = ops.narrow(x, 0, reverse ? 0 : 1, length - 1);
  const { y, end } = recurrence({
    ...layer,
    x: ops.concat(reverse ? [others, begun] : [begun, others], 0),
    w: ops.matmul(w, projection),
    begin: [zeros(x, c.shape), c],
    projection: undefined,
  });
  const outputs = ops.linear(y, projection);
  return { y: outputs, end: [ops.select(outputs, 0, length - 1 - first), end[1]!] };
}

/** Gradients with respect to x, w, the first states and the bias. */
function backward(layer: Recurrence, record: Node, y: Node, dy: Node, dc: Node | undefined): Node[] {
  const { cell, reverse, x, w, begin, bias } = layer;
  const [length, n] = x.shape as [number, number];
  const [rows, size] = w.shape as [number, number];
  const attrs = { cell, reverse };
  const given = { dy, record, w, begin, dc };
  const inputs = [dy, x, w, ...begin, ...(bias ? [bias] : []), ...(dc ? [dc] : [])];
  const again =
    (which: number) =>
    (_: Node, u: Node): (Node | null)[] =>
      second(layer, dy, dc, which, u);
  const grads = ops.custom('recurrentGrad', ops.recurrentGrad(given, attrs), inputs, again(0));
  const gru = cell === 'gru';
  const products = gru ? ops.narrow(grads, 2, 0, rows) : grads;
  const gates = gru
    ? ops.concat([ops.narrow(grads, 2, 0, 2 * size), ops.narrow(grads, 2, rows, size)], 2)
    : grads;
  const flat = (of: Node): Node => ops.reshape(of, [length * n, of.shape[2]!]);
  const first = ops.unsqueeze(begin[0]!, 0);
  const inner = length > 1 ? [ops.narrow(y, 0, reverse ? 1 : 0, length - 1)] : [];
  const before = ops.concat(reverse ? [...inner, first] : [first, ...inner], 0);
  const starts = begin.map((_, k) =>
    ops.custom(
      'recurrentGradStart',
      ops.recurrentGradStart(given, { ...attrs, of: k === 0 ? 'h' : 'c' }),
      inputs,
      again(k + 1),
    ),
  );
  return [
    gates,
    ops.linearGradWeight(flat(products), flat(before)),
    ...starts,
    ...(bias ? [ops.sum(flat(products), [0])] : []),
  ];
}

/**
 * Second derivatives: differentiates the unrolled layer twice.
 *
 * @param which the differentiated result: 0 for the gradients of all positions, 1 and 2 for those of the first states
 * @param u gradient with respect to that result
 */
function second(layer: Recurrence, dy: Node, dc: Node | undefined, which: number, u: Node): (Node | null)[] {
  const { cell, reverse } = layer;
  // Copies of the inputs, so that only ways through this layer count.
  const own = (of: Node): Node => ops.affine(of, { scale: 1, shift: 0 });
  const [x, w] = [own(layer.x), own(layer.w)];
  const begin = layer.begin.map(own);
  const bias = layer.bias && own(layer.bias);
  const extra = own(zeros(x, x.shape));
  const [gy, gc] = [own(dy), dc && own(dc)];
  const { y, end } = ops.unrolled(cell, { x, w, begin, bias, extra }, reverse);
  const along = (a: Node, b: Node): Node =>
    ops.sum(
      ops.mul(a, b),
      a.shape.map((_, axis) => axis),
    );
  const through = along(y, gy);
  const root = gc ? ops.add(through, along(end[1]!, gc)) : through;
  const one = (like: Node): Node => scalarLeaf(1, like.dtype);
  const wanted = new Set([x, extra, ...begin]);
  const found = gradients(root, one(root), (node) => wanted.has(node));
  const gradOf = (node: Node): Node => found.get(node) ?? zeros(node, node.shape);
  const size = w.shape[1]!;
  const result =
    which > 0
      ? gradOf(begin[which - 1]!)
      : cell === 'gru'
        ? ops.concat([gradOf(extra), ops.narrow(gradOf(x), 2, 2 * size, size)], 2)
        : gradOf(x);
  const targets = [gy, x, w, ...begin, ...(bias ? [bias] : []), ...(gc ? [gc] : [])];
  const set = new Set(targets);
  const again = gradients(along(result, u), one(u), (node) => set.has(node));
  return targets.map((target) => again.get(target) ?? null);
}
