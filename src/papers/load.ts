import { existsSync, statSync } from 'node:fs';
import type { Device } from '../backend/backend.js';
import type { Transform } from '../data/transforms/index.js';
import { CheckpointError, UsageError } from '../errors.js';
import { readWeights, type Weights } from '../interop/weights.js';
import { withoutInit } from '../nn/init.js';
import type { Module } from '../nn/module.js';
import { loadWeights } from '../train/checkpoint.js';
import { type ModelConfig, trainConfigSchema } from '../train/config.js';
import { RunFolder } from '../train/run-folder.js';
import { buildModel, type Paper } from './paper.js';
import { describeModel, inOwnNames, type ModelHints, recogniseModel } from './recognise.js';
import { openPaper } from './registry.js';

export interface LoadedModel {
  readonly model: Module;
  readonly config: ModelConfig;
  readonly classes: readonly string[];
  readonly transform: Transform;
  /** For people: of a bare file of weights, what was recognised and what was assumed. Empty for a run. */
  readonly notes: readonly string[];
}

/**
 * A trained model from a run folder (its best weights) or from a file of weights: safetensors, PyTorch's .pth or
 * .pt, or a checkpoint. A bare file's network is recognised by its names and shapes.
 *
 * @param hints what the caller knows of a bare file's network; it goes before what is recognised
 * @throws UsageError for a path that is neither, CheckpointError for weights that do not fit or are of no known
 *   network
 */
export async function openModel(path: string, device: Device, hints: ModelHints = {}): Promise<LoadedModel> {
  if (!existsSync(path))
    throw new UsageError({
      what: `${path} does not exist`,
      expected: 'a run folder, or a file of weights (.safetensors, .pth, .pt)',
      got: 'nothing there',
      next: 'check the path; runs are in ./runs unless --run named another place',
    });
  const isRun = statSync(path).isDirectory();
  const needless = Object.entries(hints).find(([, hint]) => hint !== undefined);
  if (isRun && needless)
    throw new UsageError({
      what: `The network of the run in ${path} is known`,
      expected: 'no flags that name or change it',
      got: `its ${needless[0]}`,
      next: 'leave them out; they are for a bare file of weights',
    });
  const opened = isRun ? await openRun(path) : await openFile(path, hints);
  const { paper, config, file, weights, notes } = opened;
  const model = withoutInit(() => buildModel(paper, config));
  loadWeights(file, model, inOwnNames(paper, model, weights.tensors));
  await model.to(device);
  const transform = paper.transforms(config, 'none').test;
  return {
    model: model.eval() as Module,
    config,
    classes: config.classes,
    transform,
    notes: notes.length > 0 ? [...notes, `Pictures are prepared with ${transform}`] : [],
  };
}

interface Opened {
  readonly paper: Paper;
  readonly config: ModelConfig;
  readonly file: string;
  readonly weights: Weights;
  readonly notes: readonly string[];
}

async function openRun(path: string): Promise<Opened> {
  const { config, file } = await fromRun(path);
  return { paper: await openPaper(config.paper), config, file, weights: await readWeights(file), notes: [] };
}

async function openFile(file: string, hints: ModelHints): Promise<Opened> {
  const weights = await readWeights(file);
  const found = await recogniseModel(file, weights, hints);
  return { ...found, file, weights, notes: describeModel(weights, found) };
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
