import { existsSync, statSync } from 'node:fs';
import type { Device } from '../backend/backend.js';
import type { Transform } from '../data/transforms/index.js';
import { CheckpointError, UsageError } from '../errors.js';
import { withoutInit } from '../nn/init.js';
import type { Module } from '../nn/module.js';
import { loadWeights, weightsOf } from '../train/checkpoint.js';
import { type ModelConfig, trainConfigSchema } from '../train/config.js';
import { RunFolder } from '../train/run-folder.js';
import { readSafetensors } from '../train/safetensors.js';
import { isOnnx, openOnnx } from './load-onnx.js';
import { buildModel, type Paper } from './paper.js';
import { openPaper } from './registry.js';

export interface LoadedModel {
  readonly model: Module;
  readonly config: ModelConfig;
  readonly classes: readonly string[];
  readonly transform: Transform;
  /** What had to be assumed about the pictures, for people. */
  readonly note?: string;
}

/**
 * A trained model from a run folder (its best weights), from a weights file under PyTorch's names, or from an
 * ONNX file.
 *
 * @param fallback what a bare weights file does not tell
 * @throws UsageError for a path that is neither, CheckpointError for weights that do not fit
 */
export async function openModel(
  path: string,
  device: Device,
  fallback: { preset?: string; classes?: readonly string[]; imageSize?: number } = {},
): Promise<LoadedModel> {
  if (!existsSync(path))
    throw new UsageError({
      what: `${path} does not exist`,
      expected: 'a run folder, or a .safetensors or .onnx file',
      got: 'nothing there',
      next: 'check the path; runs are in ./runs unless --run named another place',
    });
  if (isOnnx(path)) return openOnnx(path, device, fallback);
  const { config, file } = statSync(path).isDirectory()
    ? await fromRun(path)
    : { config: undefined, file: path };
  const weights = weightsOf(await readSafetensors(file));
  const paper = await openPaper(config?.paper);
  const known = config ?? guess(file, weights, paper, fallback);
  const model = withoutInit(() => buildModel(paper, known));
  loadWeights(file, model, weights);
  await model.to(device);
  return {
    model: model.eval() as Module,
    config: known,
    classes: known.classes,
    transform: paper.transforms(known, 'none').test,
  };
}

async function fromRun(path: string): Promise<{ config: ModelConfig; file: string }> {
  const folder = RunFolder.open(path);
  const config = await folder.config(trainConfigSchema);
  const state = await folder.state();
  const name = state.best?.file ?? state.latest;
  if (!name)
    throw new CheckpointError({
      what: `The run in ${path} has no weights yet`,
      expected: 'at least one checkpoint',
      got: 'none',
      next: 'let it train until its first checkpoint (--checkpoint-every)',
    });
  return { config: config.model, file: folder.checkpoint(name) };
}

function guess(
  file: string,
  weights: ReadonlyMap<string, { shape: readonly number[] }>,
  paper: Paper,
  { preset, classes, imageSize }: { preset?: string; classes?: readonly string[]; imageSize?: number },
): ModelConfig {
  const last = weights.get(paper.lastBias);
  if (!last)
    throw new CheckpointError({
      what: `${file} does not hold ${paper.name}'s weights`,
      expected: `a tensor named ${paper.lastBias} among others`,
      got: [...weights.keys()].slice(0, 3).join(', ') || 'no tensors',
      next: 'use a file that train wrote, or export the weights from PyTorch with safetensors',
    });
  const n = last.shape[0] ?? 0;
  const variant = preset ?? Object.keys(paper.presets)[0]!;
  return {
    paper: paper.id,
    preset: variant,
    classes:
      classes && classes.length === n ? [...classes] : Array.from({ length: n }, (_, i) => `class ${i}`),
    imageSize: imageSize ?? paper.imageSize(variant),
    dropout: 0.5,
    init: paper.inits[0]!,
  };
}
