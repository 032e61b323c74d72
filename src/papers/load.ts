import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Device } from '../backend/backend.js';
import type { Transform } from '../data/transforms/index.js';
import { CheckpointError, UsageError } from '../errors.js';
import { withoutInit } from '../nn/init.js';
import type { Module } from '../nn/module.js';
import { loadWeights, weightsOf } from '../train/checkpoint.js';
import { type ModelConfig, trainConfigSchema } from '../train/config.js';
import { readStatistics, STATISTICS } from '../train/picture-statistics.js';
import { RunFolder } from '../train/run-folder.js';
import { readSafetensors } from '../train/safetensors.js';
import { buildModel, type Paper } from './paper.js';
import { openPaper } from './registry.js';

export interface LoadedModel {
  readonly model: Module;
  readonly config: ModelConfig;
  readonly classes: readonly string[];
  readonly transform: Transform;
  /** The paper's own views of a picture, whose probabilities are averaged. */
  readonly views: readonly Transform[] | undefined;
}

/**
 * A trained model from a run folder (its best weights) or from a weights file under PyTorch's names.
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
      expected: 'a run folder or a .safetensors file',
      got: 'nothing there',
      next: 'check the path; runs are in ./runs unless --run named another place',
    });
  const run = statSync(path).isDirectory() ? await fromRun(path) : undefined;
  const { config, file } = run ?? { config: undefined, file: path };
  const weights = weightsOf(await readSafetensors(file));
  const paper = await openPaper(config?.paper);
  const known = config ?? guess(file, weights, paper, fallback);
  const model = withoutInit(() => buildModel(paper, known));
  loadWeights(file, model, weights);
  await model.to(device);
  const { test, views } = paper.transforms(known, run?.statistics ? 'paper' : 'none', run?.statistics);
  return {
    model: model.eval() as Module,
    config: known,
    classes: known.classes,
    transform: test,
    views,
  };
}

async function fromRun(path: string) {
  const folder = RunFolder.open(path);
  const config = await folder.config(trainConfigSchema);
  const statistics = config.augment === 'paper' ? await readStatistics(join(path, STATISTICS)) : undefined;
  const state = await folder.state();
  const name = state.best?.file ?? state.latest;
  if (!name)
    throw new CheckpointError({
      what: `The run in ${path} has no weights yet`,
      expected: 'at least one checkpoint',
      got: 'none',
      next: 'let it train until its first checkpoint (--checkpoint-every)',
    });
  return { config: config.model, file: folder.checkpoint(name), statistics };
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
