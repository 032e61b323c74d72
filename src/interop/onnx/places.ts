import type { Rule, Writer } from './writer.js';

/* Operations on positions, which are int32. */

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
  indexSelect: (w, { attrs }, inputs, output) =>
    void w.add('Gather', inputs, { axis: attrs.axis as number }, output),
  gather: (w, { attrs }, inputs, output) =>
    void w.add('GatherElements', inputs, { axis: attrs.axis as number }, output),
  scatterSum: (w, { attrs, shape, inputs: [source, index] }, [given, places], output) => {
    const along = attrs.axis as number;
    if ([shape, index!.shape].some((sizes) => sizes[along]! % w.batch === 0))
      return 'it mixes the images of a batch';
    if (index!.shape.some((size, i) => size !== source!.shape[i] && size % w.batch === 0))
      return 'its source has other images than its positions';
    const zeros = w.add('Expand', [w.floats([0], []), w.shape(shape)]);
    const updates = firstOf(w, given!, source!.shape, index!.shape);
    w.add('ScatterElements', [zeros, places!, updates], { axis: along, reduction: 'add' }, output);
    return undefined;
  },
  oneHot: (w, { attrs }, [places], output) => {
    // onnxruntime has no OneHot of int32 positions beside a number of classes of int64.
    w.add(
      'OneHot',
      [w.add('Cast', [places!], { to: INT64 }), w.integers([attrs.classes as number]), w.floats([0, 1], [2])],
      {},
      output,
    );
    return undefined;
  },
};
