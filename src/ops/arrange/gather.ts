import type { Node } from '../../graph/node.js';
import { type Spec, sameShape, showShape } from '../../graph/types.js';
import { add } from '../binary.js';
import { define, floatOf, type NodeMaker, naming, need, normalizeAxis } from '../operation.js';

type Along = { readonly axis: number };
type Scattered = Along & { readonly shape: readonly number[] };

function checkIndex(x: Spec, index: Spec, axis: number): void {
  need(index.dtype === 'int32', 'an index of type int32', index.dtype);
  need(
    index.shape.length === x.shape.length && index.shape.every((d, i) => i === axis || d <= x.shape[i]!),
    () => `an index of ${x.shape.length} axes, none but axis ${axis} larger than ${showShape(x.shape)}`,
    index.shape,
  );
}

const gatherOp: NodeMaker<Along> = define<Along>({
  name: 'gather',
  infer: ([x, index], { axis }) => {
    checkIndex(x!, index!, axis);
    return { shape: index!.shape, dtype: x!.dtype };
  },
  gradient: ({ inputs: [x, index], attrs }, grad) => [
    scatterOp([grad, index!], { axis: attrs.axis as number, shape: x!.shape }),
    null,
  ],
});

const scatterOp: NodeMaker<Scattered> = define<Scattered>({
  name: 'scatterSum',
  infer: ([source, index], { axis, shape }) => {
    const dtype = floatOf(source);
    checkIndex({ shape, dtype }, index!, axis);
    need(
      source!.shape.length === index!.shape.length && index!.shape.every((d, i) => d <= source!.shape[i]!),
      () => `a source of at least ${showShape(index!.shape)}`,
      source!.shape,
    );
    return { shape, dtype };
  },
  gradient: ({ inputs: [source, index], attrs }, grad) => {
    const picked = gatherOp([grad, index!], { axis: attrs.axis as number });
    naming('scatterAdd', [source!, index!], () =>
      need(
        sameShape(picked.shape, source!.shape),
        () => `a source of ${showShape(picked.shape)}, to be differentiated`,
        source!.shape,
      ),
    );
    return [picked, null];
  },
});

/**
 * Picks elements along an axis: y[i, j, k] = x[i, index[i, j, k], k] for axis 1.
 *
 * @param index int32, each in [0, size of the axis); an index out of range is an error when the graph runs
 */
export const gather = (x: Node, axis: number, index: Node): Node =>
  gatherOp([x, index], { axis: normalizeAxis('gather', x, axis) });

/** Adds each element of `source` to the element of x that `index` names along an axis: the reverse of {@link gather}. */
export function scatterAdd(x: Node, axis: number, index: Node, source: Node): Node {
  const at = normalizeAxis('scatterAdd', x, axis);
  return add(x, scatterOp([source, index], { axis: at, shape: x.shape }));
}

const oneHotOp: NodeMaker<{ classes: number; dtype: string }> = define<{ classes: number; dtype: string }>({
  name: 'oneHot',
  infer: ([index], { classes, dtype }) => {
    need(index!.dtype === 'int32', 'class numbers of type int32', index!.dtype);
    need(Number.isInteger(classes) && classes >= 1, 'at least 1 class', () => String(classes));
    return { shape: [...index!.shape, classes], dtype: dtype === 'float64' ? 'float64' : 'float32' };
  },
});

/**
 * One-hot encoding: 1 at the position of each class number along a new last axis, else 0. No gradient.
 *
 * @param index int32, each in [0, classes); one out of range is an error when the graph runs
 */
export const oneHot = (index: Node, classes: number, dtype: 'float32' | 'float64' = 'float32'): Node =>
  oneHotOp([index], { classes, dtype });
