import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { DEVICES } from '../backend/device-names.js';
import { writeFileAtomic } from '../files/atomic.js';
import { viewBytes } from '../interop/numbers.js';
import { exportOnnx } from '../interop/onnx/index.js';
import { Generator } from '../random.js';
import { manualSeed } from '../tensor/random.js';
import { buildNetwork, describeNetwork } from './network.js';

const count = z.number().int().positive();

/** The task of both sides, stored in `work.json`. File names are relative to its folder. */
const workSchema = z.object({
  what: z.enum(['train', 'infer']),
  network: z.object({
    paper: z.string(),
    preset: z.string(),
    norm: z.enum(['lrn', 'none']),
  }),
  batch: count,
  threads: count,
  device: z.enum(DEVICES),
  precision: z.enum(['auto', 'float32', 'bfloat16']),
  /** Execution mode of a peer in its own terms; empty for its default. */
  mode: z.string(),
  /** Unmeasured steps before the side reports that it is ready. */
  warmup: count,
  inputShape: z.tuple([count, count, count]),
  lr: z.number().positive(),
  momentum: z.number().nonnegative(),
  layers: z.array(z.looseObject({ type: z.string() })),
  /** Float32 values of all parameters, layer by layer, weight before bias. */
  weights: z.string(),
  /** Float32 images; batches repeat them. */
  images: z.string(),
  imageCount: count,
  onnx: z.string().optional(),
});
export type Work = z.infer<typeof workSchema>;

/** Maximum number of images whose logits every side computes first, to check that all compute the same network. */
const IMAGES = 4;
const SEED = 20121203;

export const readWork = async (file: string): Promise<Work> =>
  workSchema.parse(JSON.parse(await readFile(file, 'utf8')));

export type WorkOptions = Omit<
  Work,
  'inputShape' | 'layers' | 'weights' | 'images' | 'imageCount' | 'onnx' | 'lr' | 'momentum'
> & {
  /** Whether a side needs the network as an ONNX file. */
  readonly wantsOnnx: boolean;
  /** Whether a side builds the network from the layer descriptions. */
  readonly forPeer: boolean;
};

export interface WorkFolder {
  readonly file: string;
  remove(): Promise<void>;
}

/** Writes the network, its weights and the images into a new temporary folder. */
export async function writeWork({ wantsOnnx, forPeer, ...options }: WorkOptions): Promise<WorkFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-bench-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    manualSeed(SEED);
    const { model, input } = await buildNetwork(options.network);
    const parameters = await Promise.all(model.parameters().map((p) => p.data()));
    await writeFileAtomic(join(folder, 'weights.f32'), parameters.map(viewBytes));
    const generator = new Generator(SEED);
    const imageCount = Math.min(IMAGES, options.batch);
    const size = input.reduce((a, d) => a * d, imageCount);
    const images = Float32Array.from({ length: size }, () => generator.uniform(-1, 1));
    await writeFileAtomic(join(folder, 'images.f32'), viewBytes(images));
    if (wantsOnnx) await writeFileAtomic(join(folder, 'model.onnx'), (await exportOnnx(model, input)).pieces);
    const work: Work = {
      ...options,
      inputShape: [...input],
      lr: 0.01,
      momentum: 0.9,
      layers: forPeer ? describeNetwork(model) : [],
      weights: 'weights.f32',
      images: 'images.f32',
      imageCount,
      ...(wantsOnnx ? { onnx: 'model.onnx' } : {}),
    };
    const file = join(folder, 'work.json');
    await writeFileAtomic(file, JSON.stringify(work));
    return { file, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
