// onnxruntime-node's side of `paperweight bench infer`: the network that `paperweight export` writes.
import { join } from 'node:path';
import { load, serve, versionOf } from './protocol.mjs';

await serve(async (work) => {
  if (work.what !== 'infer') throw new Error('onnxruntime-node cannot train');
  const ort = (await load('onnxruntime-node')).default;
  const session = await ort.InferenceSession.create(join(work.folder, work.onnx), {
    intraOpNumThreads: work.threads,
    interOpNumThreads: 1,
    executionProviders: ['cpu'],
  });
  const tensor = (data, count) => new ort.Tensor('float32', data, [count, ...work.inputShape]);
  const run = async (images) => (await session.run({ images })).logits.data;
  const batch = tensor(work.images, work.batch);
  return {
    about: { name: 'onnxruntime', version: `onnxruntime-node ${await versionOf('onnxruntime-node')}` },
    logits: () => run(tensor(work.few, work.imageCount)),
    step: () => run(batch),
  };
});
