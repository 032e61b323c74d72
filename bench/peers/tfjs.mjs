// TensorFlow.js's side of `paperweight bench`, in Node: the wasm backend, the one in plain JavaScript ("cpu"), or webgpu.
import { dirname, sep } from 'node:path';
import { evaluate, product } from './graph.mjs';
import { beyond, load, resolve, serve, versionOf } from './protocol.mjs';

await serve(async (work) => {
  const tf = await load('@tensorflow/tfjs');
  const backend = work.mode || 'wasm';
  if (backend === 'wasm') {
    const wasm = await load('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(`${dirname(resolve('@tensorflow/tfjs-backend-wasm'))}${sep}`);
  }
  if (backend === 'webgpu') {
    (await import('./webgpu.mjs')).providePageGpu();
    await load('@tensorflow/tfjs-backend-webgpu');
  }
  if (!(await tf.setBackend(backend))) throw new Error(`tfjs could not start its backend ${backend}`);
  await tf.ready();

  // Its convolutions take NHWC images and HWIO kernels.
  const variables = [];
  const variable = (value) => {
    variables.push(tf.variable(value));
    return variables.at(-1);
  };
  const layers = work.layers.map((layer) => {
    if (!layer.weight) return layer;
    const weight = tf.tensor(layer.weight.data, layer.weight.shape);
    const turned = layer.type === 'conv2d' ? weight.transpose([2, 3, 1, 0]) : weight.transpose();
    return { ...layer, w: variable(turned), b: variable(tf.tensor(layer.bias.data)) };
  });
  // Written out, since the wasm backend lacks the operator: Σ x² over neighbouring channels by shifted sums.
  const lrn = (x, { size, alpha, beta, k }) => {
    const [n, h, w, c] = x.shape;
    const half = Math.floor(size / 2);
    const padded = tf.pad(tf.square(x), [
      [0, 0],
      [0, 0],
      [0, 0],
      [half, size - 1 - half],
    ]);
    let sum = tf.slice(padded, [0, 0, 0, 0], [n, h, w, c]);
    for (let i = 1; i < size; i++) sum = tf.add(sum, tf.slice(padded, [0, 0, 0, i], [n, h, w, c]));
    return tf.mul(x, tf.pow(tf.add(tf.mul(sum, alpha / size), k), -beta));
  };
  const convolve = (x, { w, b, stride, padding: [p, q] }) => {
    const sides = [
      [0, 0],
      [p, p],
      [q, q],
      [0, 0],
    ];
    return tf.add(tf.conv2d(x, w, stride, p === 0 && q === 0 ? 'valid' : sides), b);
  };
  const pool = (x, { kernel, stride, ceilMode }) => {
    const ends = [1, 2].map((axis, i) => (ceilMode ? beyond(x.shape[axis], kernel[i], stride[i]) : 0));
    const sides = [[0, 0], ...ends.map((end) => [0, end]), [0, 0]];
    const padded = ends.some((end) => end > 0) ? tf.pad(x, sides, -1e30) : x;
    return tf.maxPool(padded, kernel, stride, 'valid');
  };
  const apply = (x, layer, training) => {
    switch (layer.type) {
      case 'conv2d':
        return convolve(x, layer);
      case 'linear':
        return tf.add(tf.matMul(x, layer.w), layer.b);
      case 'localResponseNorm':
        return lrn(x, layer);
      case 'relu':
        return tf.relu(x);
      case 'maxPool2d':
        return pool(x, layer);
      case 'adaptiveAvgPool2d':
        return x;
      case 'flatten':
        return tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [x.shape[0], -1]);
      case 'dropout':
        return training ? tf.dropout(x, layer.p) : x;
      default:
        throw new Error(`no layer ${layer.type} here`);
    }
  };
  const weights = work.parameters?.map(({ shape, data }) => variable(tf.tensor(data, shape)));
  const operations = {
    // Its wasm backend has no gradient of a convolution's kernel. Patches side by side are rows of a matrix product.
    conv2d: ([x, w, b], { stride, padding }, [n, out, rows, columns], [[, c], [, , kh, kw]]) => {
      if (kh !== stride[0] || kw !== stride[1] || padding.some((p) => p > 0))
        throw new Error('no convolution of overlapping patches in graphs here');
      const patches = x.reshape([n, c, rows, kh, columns, kw]).transpose([0, 2, 4, 1, 3, 5]);
      const y = tf.matMul(
        patches.reshape([n * rows * columns, c * kh * kw]),
        w.reshape([out, -1]),
        false,
        true,
      );
      return tf.add(y, b).reshape([n, rows, columns, out]).transpose([0, 3, 1, 2]);
    },
    linear: ([x, w, b]) => tf.add(tf.matMul(x, w, false, true), b),
    matmul: ([a, b], { transposeA, transposeB }) => tf.matMul(a, b, transposeA, transposeB),
    reshape: ([x], _, shape) => x.reshape(shape),
    permute: ([x], { axes }) => x.transpose(axes),
    broadcastTo: ([x], _, shape) =>
      tf.tile(
        x,
        shape.map((size, axis) => size / x.shape[axis]),
      ),
    concat: (values, { axis }) => tf.concat(values, axis),
    slice: ([x], { axis, start }, shape) =>
      tf.slice(
        x,
        shape.map((_, i) => (i === axis ? start : 0)),
        shape,
      ),
    add: ([a, b]) => tf.add(a, b),
    mul: product((a, b) => tf.mul(a, b)),
    affine: ([x], { scale, shift }) => (shift === 0 ? tf.mul(x, scale) : tf.add(tf.mul(x, scale), shift)),
    softmax: ([x], { axis }) => tf.softmax(x, axis),
    gelu: ([x]) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
    normalizeRows: ([x], { eps }) => {
      const centred = tf.sub(x, tf.mean(x, 1, true));
      return tf.mul(centred, tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), eps)));
    },
  };
  const ofGraph = (graph, x) => {
    const leaves = new Map([[graph.images, x]]);
    for (const [i, node] of graph.parameters.entries()) leaves.set(node, weights[i]);
    for (const { node, dtype, values } of graph.constants)
      leaves.set(node, dtype === 'int32' ? values : tf.tensor(values, graph.nodes[node].shape));
    return evaluate(graph, operations, leaves);
  };
  const forward = (x, training) => {
    const { graphs } = work;
    if (graphs) return ofGraph(x.shape[0] === work.imageCount && !training ? graphs.few : graphs.batch, x);
    return layers.reduce((y, layer) => apply(y, layer, training), x);
  };
  const input = (data, count) => {
    const x = tf.tensor(data, [count, ...work.inputShape]);
    return work.graphs ? x : x.transpose([0, 2, 3, 1]);
  };
  const few = input(work.few, work.imageCount);
  const images = input(work.images, work.batch);
  const labels = tf.oneHot(
    Array.from({ length: work.batch }, (_, i) => i % 10),
    10,
  );
  const logits = async (x) => {
    const y = tf.tidy(() => forward(x, false));
    const values = await y.data();
    y.dispose();
    return values;
  };
  const optimizer = tf.train.momentum(work.lr, work.momentum);
  const train = async () => {
    const loss = optimizer.minimize(
      () => tf.losses.softmaxCrossEntropy(labels, forward(images, true)),
      true,
      variables,
    );
    await loss.data();
    loss.dispose();
  };
  return {
    about: { name: 'tfjs', version: `tfjs ${await versionOf('@tensorflow/tfjs')}` },
    logits: () => logits(few),
    step: work.what === 'train' ? train : () => logits(images),
  };
});
