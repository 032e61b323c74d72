import { type Node, scalarLeaf } from '../graph/node.js';
import { sameShape, showShape } from '../graph/types.js';
import { narrow } from './arrange/slice.js';
import { f } from './formula.js';
import { broadcast, define, floatOf, type NodeMaker, naming, need, normalizeAxis } from './operation.js';
import { broadcastTo } from './shape.js';

/* Operations that select, join and cut elements of tensors. */

const whereOp: NodeMaker = define({
  name: 'where',
  infer: ([condition, a, b]) => {
    need(
      sameShape(condition!.shape, a!.shape) && sameShape(a!.shape, b!.shape),
      'three inputs of one shape',
      () => `${showShape(condition!.shape)}, ${showShape(a!.shape)} and ${showShape(b!.shape)}`,
    );
    need(a!.dtype === b!.dtype, () => `values of one type (${a!.dtype})`, b!.dtype);
    return { shape: a!.shape, dtype: a!.dtype };
  },
  formula: ([condition, a, b]) => f.select(condition!, a!, b!),
  gradient: (node, grad) => {
    const condition = node.inputs[0]!;
    const none = scalarLeaf(0, grad.dtype);
    return [null, where(condition, grad, none), where(condition, none, grad)];
  },
});

/**
 * a where the condition is not 0, else b. All three broadcast as in NumPy. NaN in an element that is not chosen has no
 * effect, neither on the result nor on the gradients.
 *
 * @param condition of any type, such as the result of `less`
 */
export function where(condition: Node, a: Node, b: Node): Node {
  const inputs = [condition, a, b];
  const shape = naming('where', inputs, () => broadcast(condition.shape, broadcast(a.shape, b.shape)));
  return whereOp(
    inputs.map((x) => broadcastTo(x, shape)),
    {},
  );
}

const concatOp: NodeMaker<{ axis: number }> = define<{ axis: number }>({
  name: 'concat',
  infer: (inputs, { axis }) => {
    const [first] = inputs;
    need(first !== undefined, 'at least one tensor', 'none');
    for (const { shape, dtype } of inputs) {
      need(
        shape.length === first.shape.length && shape.every((d, i) => i === axis || d === first.shape[i]),
        () => `shapes that are equal except along axis ${axis}`,
        () => inputs.map((x) => showShape(x.shape)).join(', '),
      );
      need(dtype === first.dtype, () => `inputs of one type (${first.dtype})`, dtype);
    }
    const total = inputs.reduce((sum, { shape }) => sum + shape[axis]!, 0);
    return { shape: first.shape.map((size, i) => (i === axis ? total : size)), dtype: first.dtype };
  },
  gradient: (node, grad) => {
    const axis = node.attrs.axis as number;
    let start = 0;
    return node.inputs.map(({ shape }) => {
      const part = narrow(grad, axis, start, shape[axis]!);
      start += shape[axis]!;
      return part;
    });
  },
});

/** Concatenates tensors along an axis; all other sizes must be equal. PyTorch's `cat`. */
export function concat(inputs: readonly Node[], axis = 0): Node {
  const [first] = inputs;
  const at = first ? normalizeAxis('concat', first, axis) : 0;
  return first && inputs.length === 1 ? first : concatOp(inputs, { axis: at });
}

type Along = { readonly axis: number };
const indexAdd: NodeMaker<Along & { readonly size: number }> = define<Along & { readonly size: number }>({
  name: 'indexSelectGrad',
  infer: ([grad], { axis, size }) => ({
    shape: grad!.shape.map((d, i) => (i === axis ? size : d)),
    dtype: floatOf(grad),
  }),
  gradient: (node, grad) => [selectOp([grad, node.inputs[1]!], { axis: node.attrs.axis as number }), null],
});
const selectOp: NodeMaker<Along> = define<Along>({
  name: 'indexSelect',
  infer: ([x, indices], { axis }) => {
    need(
      indices!.dtype === 'int32' && indices!.shape.length === 1,
      'a list of int32 indices',
      () => `${indices!.dtype} ${showShape(indices!.shape)}`,
    );
    return { shape: x!.shape.map((d, i) => (i === axis ? indices!.shape[0]! : d)), dtype: x!.dtype };
  },
  gradient: (node, grad) => {
    const [x, indices] = node.inputs as [Node, Node];
    const axis = node.attrs.axis as number;
    return [indexAdd([grad, indices], { axis, size: x.shape[axis]! }), null];
  },
});

/**
 * Selects positions along an axis, in the order of `indices`; an index may occur several times.
 *
 * @param indices int32 [n], each in [0, size of the axis); an index out of range is an error when the graph runs
 */
export const indexSelect = (x: Node, indices: Node, axis = 0): Node =>
  selectOp([x, indices], { axis: normalizeAxis('indexSelect', x, axis) });
