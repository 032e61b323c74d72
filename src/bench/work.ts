import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { DEVICES, PRECISIONS } from '../backend/device-names.js';
import { UsageError } from '../errors/errors.js';
import { writeFileAtomic } from '../files/atomic.js';
import type { TypedArray } from '../graph/types.js';
import { viewBytes } from '../interop/numbers.js';
import { exportOnnx } from '../interop/onnx/index.js';
import { Generator } from '../random.js';
import { manualSeed } from '../tensor/random.js';
import { describeGraph, type GraphSpec } from './graph-spec.js';
import { buildNetwork, checkBatch, describeNetwork, type LayerSpec, type NetworkChoice } from './network.js';

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
  precision: z.enum(PRECISIONS),
  /** Execution mode of a peer in its own terms; empty for its default. */
  mode: z.string(),
  /** Unmeasured steps before the side reports that it is ready. */
  warmup: count,
  inputShape: z.tuple([count, count, count]),
  lr: z.number().positive(),
  momentum: z.number().nonnegative(),
  layers: z.array(z.looseObject({ type: z.string() })),
  /**
   * The forward pass as graphs, if the network is no chain of layers: of the few images in evaluation mode, and of a
   * batch in the measured mode.
   */
  graphs: z.object({ few: z.looseObject({}), batch: z.looseObject({}) }).optional(),
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
  'inputShape' | 'layers' | 'graphs' | 'weights' | 'images' | 'imageCount' | 'onnx' | 'lr' | 'momentum'
> & {
  /** Whether a side needs the network as an ONNX file. */
  readonly wantsOnnx: boolean;
  /** What a side builds the network from, if it does not know it: a list of layers, or a graph where that is impossible. */
  readonly describe?: 'layers' | 'layers or graphs';
};

export interface WorkFolder {
  readonly file: string;
  remove(): Promise<void>;
}

/** The network as layers or as graphs. @throws UsageError if it is no chain of layers and the peer reads nothing else */
async function describeFor(
  describe: 'layers' | 'layers or graphs',
  {
    network,
    what,
    batch,
  }: { readonly network: NetworkChoice; readonly what: Work['what']; readonly batch: number },
  few: readonly number[],
): Promise<{ layers: LayerSpec[]; graphs?: { few: GraphSpec; batch: GraphSpec } }> {
  const { model } = await buildNetwork(network);
  try {
    return { layers: describeNetwork(model) };
  } catch (error) {
    if (describe === 'layers' || !(error instanceof UsageError)) throw error;
    const graph = describeGraph(model.eval(), few);
    const whole = describeGraph(what === 'train' ? model.train() : model, [batch, ...few.slice(1)]);
    return { layers: [], graphs: { few: graph, batch: whole } };
  }
}

/** Writes the network, its weights and the images into a new temporary folder. */
export async function writeWork({ wantsOnnx, describe, ...options }: WorkOptions): Promise<WorkFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-bench-'));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    manualSeed(SEED);
    const { model, input } = await buildNetwork(options.network);
    checkBatch(options.batch, input);
    const random = new Generator(SEED + 1);
    // Parameters that begin as zeros would hide what is computed before them.
    const parameters: TypedArray[] = [];
    for (const parameter of model.parameters()) {
      const values = await parameter.data();
      if (values.every((value: number) => value === 0))
        parameter.load(values.map(() => random.uniform(-0.05, 0.05)));
      parameters.push(await parameter.data());
    }
    await writeFileAtomic(join(folder, 'weights.f32'), parameters.map(viewBytes));
    const generator = new Generator(SEED);
    const imageCount = Math.min(IMAGES, options.batch);
    const size = input.reduce((a, d) => a * d, imageCount);
    const images = Float32Array.from({ length: size }, () => generator.uniform(-1, 1));
    await writeFileAtomic(join(folder, 'images.f32'), viewBytes(images));
    if (wantsOnnx) await writeFileAtomic(join(folder, 'model.onnx'), (await exportOnnx(model, input)).pieces);
    const work = {
      ...options,
      inputShape: [...input],
      lr: 0.01,
      momentum: 0.9,
      layers: [],
      ...(describe ? await describeFor(describe, options, [imageCount, ...input]) : {}),
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
