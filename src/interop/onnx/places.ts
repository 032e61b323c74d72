import type { Node } from '../../graph/node.js';
import type { Rule, Writer } from './writer.js';

/* Operations on positions, which are int32: results of the graph, or constants. */

/**
 * The name of positions; undefined for constants that differ from image to image, since the exported batch has no fixed
 * size.
 */
export function positions(w: Writer, node: Node, name?: string): string | undefined {
  if (name !== undefined) return name;
  if (node.source?.kind !== 'host') return undefined;
  return w.spread(node.shape, node.source.data, (data, shape) => w.integers([...data], shape));
}

export const VARIES = 'its whole numbers depend on the size of the batch';
/** `TensorProto.DataType` of int64. */
const INT64 = 7;

/** `x` limited to the first elements of each axis. */
function firstOf(w: Writer, x: string, from: readonly number[], to: readonly number[]): string {
  const axes = to.flatMap((size, i) => (size === from[i] ? [] : [i]));
  if (axes.length === 0) return x;
  const ends = axes.map((i) => to[i]!);
  return w.add('Slice', [x, w.integers(axes.map(() => 0)), w.integers(ends), w.integers(axes)]);
}

export const places: Readonly<Record<string, Rule>> = {
  indexSelect: (w, node, [x, computed], output) => {
    const list = positions(w, node.inputs[1]!, computed);
    if (list === undefined) return VARIES;
    w.add('Gather', [x!, list], { axis: node.attrs.axis as number }, output);
    return undefined;
  },
  gather: (w, node, [x, computed], output) => {
    const index = positions(w, node.inputs[1]!, computed);
    if (index === undefined) return VARIES;
    w.add('GatherElements', [x!, index], { axis: node.attrs.axis as number }, output);
    return undefined;
  },
  scatterSum: (w, { attrs, shape, inputs: [source, index] }, [given, computed], output) => {
    const along = attrs.axis as number;
    if ([shape, index!.shape].some((sizes) => sizes[along]! % w.batch === 0))
      return 'it mixes the images of a batch';
    const places = positions(w, index!, computed);
    if (places === undefined) return VARIES;
    if (index!.shape.some((size, i) => size !== source!.shape[i] && size % w.batch === 0))
      return 'its source has other images than its positions';
    const zeros = w.add('Expand', [w.floats([0], []), w.shape(shape)]);
    const updates = firstOf(w, given!, source!.shape, index!.shape);
    w.add('ScatterElements', [zeros, places, updates], { axis: along, reduction: 'add' }, output);
    return undefined;
  },
  oneHot: (w, { attrs, inputs: [index] }, [computed], output) => {
    const places = positions(w, index!, computed);
    if (places === undefined) return VARIES;
    // onnxruntime has no OneHot of int32 positions beside a number of classes of int64.
    w.add(
      'OneHot',
      [w.add('Cast', [places], { to: INT64 }), w.integers([attrs.classes as number]), w.floats([0, 1], [2])],
      {},
      output,
    );
    return undefined;
  },
};
