// jax-js's side of `paperweight bench`, in Node: its wasm device, which has one thread there, or its webgpu device.
import { cropSides, evaluate, product } from './graph.mjs';
import { beyond, load, serve, versionOf } from './protocol.mjs';

await serve(async (work) => {
  const jax = await load('@jax-js/jax');
  const { lax, nn, numpy: np } = jax;
  const device = work.mode || 'wasm';
  if (device === 'webgpu') (await import('./webgpu.mjs')).providePageGpu();
  if (!(await jax.init(device)).includes(device))
    throw new Error(`jax-js could not start its device ${device}`);
  jax.defaultDevice(device);

  const parameters = [];
  const layers = work.layers.map((layer) => {
    if (!layer.weight) return layer;
    const { weight, bias } = layer;
    parameters.push(np.array(weight.data).reshape(weight.shape), np.array(bias.data));
    return { ...layer, at: parameters.length - 2 };
  });
  // A function owns its arguments and uses each up; `.ref` keeps one for later.
  const lrn = (x, { size, alpha, beta, k }) => {
    const c = x.shape[1];
    const half = Math.floor(size / 2);
    const padded = np.pad(np.square(x.ref), [
      [0, 0],
      [half, size - 1 - half],
      [0, 0],
      [0, 0],
    ]);
    let sum;
    for (let i = 0; i < size; i++) {
      const part = (i < size - 1 ? padded.ref : padded).slice([], [i, i + c]);
      sum = sum ? sum.add(part) : part;
    }
    // x^−β by exp and log: a power has no gradient.
    return x.mul(np.exp(np.log(sum.mul(alpha / size).add(k)).mul(-beta)));
  };
  const pool = (x, { kernel, stride, ceilMode }, next) => {
    const ends = [2, 3].map((axis, i) => (ceilMode ? beyond(x.shape[axis], kernel[i], stride[i]) : 0));
    if (ends.every((end) => end === 0)) return lax.reduceWindow(x, np.max, kernel, stride);
    // It pads with zeros only, which a ReLU hides.
    if (next?.type !== 'relu') throw new Error('jax-js has no pooling in ceil mode');
    const sides = [[0, 0], [0, 0], ...ends.map((end) => [0, end])];
    return lax.reduceWindow(np.pad(x, sides), np.max, kernel, stride);
  };
  const apply = (x, layer, p, next) => {
    switch (layer.type) {
      case 'conv2d': {
        const [a, b] = layer.padding;
        const y = lax.convGeneralDilated(x, p[layer.at].ref, layer.stride, [
          [a, a],
          [b, b],
        ]);
        return y.add(p[layer.at + 1].ref.reshape([1, layer.outChannels, 1, 1]));
      }
      case 'linear':
        return np.matmul(x, p[layer.at].ref.transpose()).add(p[layer.at + 1].ref);
      case 'localResponseNorm':
        return lrn(x, layer);
      case 'relu':
        return nn.relu(x);
      case 'maxPool2d':
        return pool(x, layer, next);
      case 'adaptiveAvgPool2d':
        return x;
      case 'flatten':
        return x.reshape([x.shape[0], -1]);
      case 'dropout':
        // Left out: its masks cost next to nothing beside the rest.
        return x;
      default:
        throw new Error(`no layer ${layer.type} here`);
    }
  };
  for (const { shape, data } of work.parameters ?? []) parameters.push(np.array(data).reshape(shape));
  const perChannel = (value, { length }) =>
    value.reshape(Array.from({ length }, (_, axis) => (axis === 1 ? -1 : 1)));
  const normalise = (x, axes, eps) => {
    const centred = x.ref.sub(np.mean(x, axes, { keepdims: true }));
    const variance = np.mean(np.square(centred.ref), axes, { keepdims: true });
    return centred.mul(np.reciprocal(np.sqrt(variance.add(eps))));
  };
  const turned = (x, isTurned) => (isTurned ? np.matrixTranspose(x) : x);
  const operations = {
    conv2d: ([x, w, b], { stride, padding: [p, q] }, shape) => {
      const y = lax.convGeneralDilated(x, w, stride, [
        [p, p],
        [q, q],
      ]);
      return b ? y.add(perChannel(b, shape)) : y;
    },
    linear: ([x, w, b]) => np.matmul(x, w.transpose()).add(b),
    matmul: ([a, b], { transposeA, transposeB }) => np.matmul(turned(a, transposeA), turned(b, transposeB)),
    maxPool2d: ([x], { kernel, stride }) => lax.reduceWindow(x, np.max, kernel, stride),
    crop: ([x, offsets], attrs, _, [shape]) => np.pad(x, cropSides(shape, offsets, attrs)),
    reshape: ([x], _, shape) => x.reshape(shape),
    permute: ([x], { axes }) => np.transpose(x, axes),
    broadcastTo: ([x], _, shape) => np.broadcastTo(x, shape),
    concat: (values, { axis }) => np.concatenate(values, axis),
    slice: ([x], { axis, start, length }) =>
      x.slice(...Array.from({ length: axis }, () => []), [start, start + length]),
    sum: ([x], { axes, keepDims }) => np.sum(x, axes, { keepdims: keepDims }),
    add: ([a, b]) => a.add(b),
    mul: product((a, b) => a.mul(b)),
    affine: ([x], { scale, shift }) => (shift === 0 ? x.mul(scale) : x.mul(scale).add(shift)),
    relu: ([x]) => nn.relu(x),
    softmax: ([x], { axis }) => nn.softmax(x, axis),
    gelu: ([x], { tanh }) => nn.gelu(x, { approximate: tanh === 1 }),
    normalizeRows: ([x], { eps }) => normalise(x, [1], eps),
    batchNormTrain: ([x, gamma, beta], { eps }, shape) =>
      normalise(x, [0, 2, 3], eps).mul(perChannel(gamma, shape)).add(perChannel(beta, shape)),
    batchNorm: ([x, gamma, beta, mean, variance], { eps }, shape) => {
      const factor = gamma.mul(np.reciprocal(np.sqrt(variance.add(eps))));
      return x.sub(perChannel(mean, shape)).mul(perChannel(factor, shape)).add(perChannel(beta, shape));
    },
  };
  const ofGraph = (graph, p, x) => {
    const leaves = new Map([[graph.images, x]]);
    for (const [i, node] of graph.parameters.entries()) leaves.set(node, p[i]);
    for (const { node, dtype, values } of graph.constants)
      leaves.set(
        node,
        dtype === 'int32' ? values : np.array(Float32Array.from(values)).reshape(graph.nodes[node].shape),
      );
    return evaluate(graph, operations, leaves, (value) => value?.ref ?? value);
  };
  const forward = (p, x, training) => {
    const { graphs } = work;
    if (graphs) {
      const isFew = x.shape[0] === work.imageCount && !training;
      return ofGraph(isFew ? graphs.few : graphs.batch, p, x);
    }
    const y = layers.reduce((value, layer, i) => apply(value, layer, p, layers[i + 1]), x);
    for (const one of p) one.dispose();
    return y;
  };
  const input = (data, count) => np.array(data).reshape([count, ...work.inputShape]);
  const refs = (list) => list.map((one) => one.ref);
  const inference = jax.jit((p, x) => forward(p, x, false));
  const images = input(work.images, work.batch);
  const few = input(work.few, work.imageCount);
  let weights = parameters;
  let momenta = parameters.map((one) => np.zeros(one.shape));
  const logits = async (x) => (await inference(refs(weights), x.ref)).data();
  const oneHot = np
    .array(
      Float32Array.from({ length: work.batch * 10 }, (_, i) => (i % 10 === Math.floor(i / 10) % 10 ? 1 : 0)),
    )
    .reshape([work.batch, 10]);
  const loss = (p, x, y) =>
    nn
      .logSoftmax(forward(p, x, true))
      .mul(y)
      .sum()
      .mul(-1 / work.batch);
  const update = jax.jit((p, m, x, y) => {
    const [value, grads] = jax.valueAndGrad(loss)(refs(p), x, y);
    const next = m.map((one, i) => one.mul(work.momentum).add(grads[i]));
    const moved = p.map((one, i) => one.sub(next[i].ref.mul(work.lr)));
    return [value, moved, next];
  });
  const train = async () => {
    const [value, moved, next] = update(weights, momenta, images.ref, oneHot.ref);
    [weights, momenta] = [moved, next];
    await jax.blockUntilReady(refs(moved));
    await value.data();
  };
  return {
    about: { name: 'jax-js', version: `jax-js ${await versionOf('@jax-js/jax')}` },
    logits: () => logits(few),
    step: work.what === 'train' ? train : () => logits(images),
  };
});
