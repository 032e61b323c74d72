// The work of a comparison, for programs in Node and in pages.

/**
 * Parameters by layer, the few images whose logits are compared, and a batch of them.
 * @param floats reads a file of numbers
 */
export async function expand(work, floats) {
  const weights = await floats(work.weights);
  let at = 0;
  const take = (...shape) => {
    const size = shape.reduce((a, d) => a * d, 1);
    at += size;
    return { shape, data: weights.slice(at - size, at) };
  };
  const layers = work.layers.map((layer) => {
    if (layer.type === 'conv2d') {
      const { inChannels, outChannels, kernel, groups } = layer;
      return { ...layer, weight: take(outChannels, inChannels / groups, ...kernel), bias: take(outChannels) };
    }
    if (layer.type === 'linear')
      return { ...layer, weight: take(layer.outFeatures, layer.inFeatures), bias: take(layer.outFeatures) };
    return layer;
  });
  const few = await floats(work.images);
  const { graphs } = work;
  // In the order in which the nodes list them, which is that of the file.
  const parameters = graphs?.few.parameters.map((node) => take(...graphs.few.nodes[node].shape));
  return { ...work, layers, parameters, few, images: repeat(few, work) };
}

/** Rows or columns behind the end of `size` that the last window of a pooling in ceil mode covers. */
export const beyond = (size, kernel, stride) => Math.ceil((size - kernel) / stride) * stride + kernel - size;

/** The few images over and over, until the batch is full. */
function repeat(few, { batch, imageCount }) {
  const size = few.length / imageCount;
  const all = new Float32Array(batch * size);
  for (let i = 0; i < batch; i++) {
    const from = (i % imageCount) * size;
    all.set(few.subarray(from, from + size), i * size);
  }
  return all;
}
