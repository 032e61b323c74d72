// onnxruntime-web's side of `paperweight bench infer`, in Node: its WebGPU or its WebAssembly provider, with the network
// that `paperweight export` writes.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { FOLDER, load, serve, versionOf } from './protocol.mjs';

await serve(async (work) => {
  if (work.what !== 'infer') throw new Error('onnxruntime-web cannot train');
  const provider = work.mode || 'webgpu';
  if (provider === 'webgpu') (await import('./webgpu.mjs')).providePageGpu();
  const dist = join(FOLDER, 'node_modules/onnxruntime-web/dist');
  let ort;
  if (provider === 'webgpu') {
    ort = await import(pathToFileURL(join(dist, 'ort.webgpu.mjs')).href);
    ort.env.wasm.wasmPaths = `${pathToFileURL(dist).href}/`;
  }
  // The entry for Node reads its WebAssembly from files.
  else ort = (await load('onnxruntime-web')).default;
  ort.env.wasm.numThreads = provider === 'webgpu' ? 1 : work.threads;
  const session = await ort.InferenceSession.create(await readFile(join(work.folder, work.onnx)), {
    executionProviders: [provider],
  });
  const tensor = (data, count) => new ort.Tensor('float32', data, [count, ...work.inputShape]);
  const run = async (images) => (await session.run({ images })).logits.getData();
  const batch = tensor(work.images, work.batch);
  return {
    about: { name: 'onnxruntime-web', version: `onnxruntime-web ${await versionOf('onnxruntime-web')}` },
    logits: () => run(tensor(work.few, work.imageCount)),
    step: () => run(batch),
  };
});
