import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Device } from '../../backend/backend.js';
import type { ImageStatistics } from '../../data/images/image-sums.js';
import { type ImageRules, imageRules } from '../../data/images/rules.js';
import type { Transform } from '../../data/transforms/index.js';
import { counted } from '../../errors/counted.js';
import { CheckpointError, UsageError } from '../../errors/errors.js';
import { partOf } from '../../interop/prefixes.js';
import { readWeights, type Weights } from '../../interop/weights.js';
import { withoutInit } from '../../nn/init.js';
import type { Module } from '../../nn/module.js';
import { putWeights } from '../../run/checkpoint.js';
import { type ModelConfig, rulesOf, trainConfigSchema } from '../../run/config.js';
import { RunFolder } from '../../run/run-folder.js';
import { readStatistics, STATISTICS } from '../../train/image-statistics.js';
import { asClassifier, buildModel, isClassifier, type Paper } from '../paper.js';
import { configIn, describeModel, inOwnNames, type ModelHints, recogniseModel } from '../recognise.js';
import { openPaper } from '../registry.js';
import { isOnnx, openOnnx } from './load-onnx.js';
import type { LoadedModel, LoadedNetwork } from './loaded-model.js';

/** A check before a device is opened or a data set is read. @throws UsageError if nothing is at the path */
export function requireModel(path: string): void {
  if (!existsSync(path))
    throw new UsageError({
      what: `${path} does not exist`,
      expected: 'a run folder, or a file of weights (.safetensors, .pth, .pt, .onnx)',
      got: 'nothing there',
      next: 'check the path; runs are in ./runs unless --run named another folder',
    });
}

/**
 * A trained classifier from a run folder (its best weights), a file of weights (safetensors, PyTorch's .pth or .pt, or a
 * checkpoint) or an ONNX file. The network of a bare file is recognised by tensor names and shapes.
 *
 * @param hints the caller's knowledge of a bare file's network; takes precedence over what is recognised
 * @throws UsageError if the path is neither, or the paper is no classifier, CheckpointError if the weights do not fit or
 *   belong to no known network
 */
export async function openModel(path: string, device: Device, hints: ModelHints = {}): Promise<LoadedModel> {
  checkHints(path, hints);
  return isGraph(path) ? openOnnx(path, device, hints) : classifierOf(await openStored(path, hints), device);
}

/** As {@link openModel}, for any paper: what is not a classifier is a network alone. */
export async function openTrained(
  path: string,
  device: Device,
  hints: ModelHints = {},
): Promise<LoadedModel | LoadedNetwork> {
  checkHints(path, hints);
  if (isGraph(path)) return openOnnx(path, device, hints);
  const opened = await openStored(path, hints);
  if (isClassifier(opened.paper)) return classifierOf(opened, device);
  const { paper, config } = opened;
  return { model: await networkOf(opened, device), paper, config, notes: opened.notes };
}

const isRun = (path: string): boolean => statSync(path).isDirectory();
const isGraph = (path: string): boolean => !isRun(path) && isOnnx(path);

/** @throws UsageError for hints about a network that the path itself describes */
function checkHints(path: string, hints: ModelHints): void {
  requireModel(path);
  const needless = Object.entries(hints).find(
    ([name, hint]) =>
      hint !== undefined && (isRun(path) || (isGraph(path) && name !== 'classes' && name !== 'imageSize')),
  );
  if (needless)
    throw new UsageError({
      what: `The network of ${isRun(path) ? 'the run in ' : ''}${path} is already known`,
      expected: 'no flags that choose or change the network',
      got: `its ${needless[0]}`,
      next: 'leave them out; they are for bare files of weights',
    });
}

const openStored = (path: string, hints: ModelHints): Promise<Opened> =>
  isRun(path) ? openRun(path) : openFile(path, hints);

async function classifierOf(opened: Opened, device: Device): Promise<LoadedModel> {
  const { paper, config, isBare, weights, rules, statistics } = opened;
  const { transforms } = asClassifier(paper);
  const model = await networkOf(opened, device);
  const augment = statistics ? 'crop-mirror-colour' : 'none';
  const { test: transform, views } = transforms(config, augment, statistics);
  return {
    model,
    config,
    classes: config.classes,
    transform,
    rules,
    views,
    assumed: isBare && configIn(weights.metadata) === undefined,
    notes: [...opened.notes, ...(isBare ? preparation(weights, transform) : [])],
  };
}

/** The network with its weights, in evaluation mode. */
async function networkOf({ paper, config, file, weights }: Opened, device: Device): Promise<Module> {
  const model = withoutInit(() => buildModel(paper, config));
  putWeights(file, model, inOwnNames(paper, model, weights.tensors));
  await refuseNan(file, model);
  await model.to(device);
  return model.eval() as Module;
}

/**
 * A device may hide NaN, because its ReLU and max pooling may ignore it, and would then give confident answers.
 *
 * @throws CheckpointError if a weight is NaN
 */
async function refuseNan(file: string, model: Module<unknown>): Promise<void> {
  for (const [name, parameter] of model.stateDict()) {
    const values = await parameter.data();
    let count = 0;
    for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) count++;
    if (count > 0)
      throw new CheckpointError({
        what: `The weights in ${file} contain NaN`,
        expected: 'numbers',
        got: `NaN in ${counted(count, 'value')} of ${name}`,
        next: 'use weights from before the training diverged',
      });
  }
}

/** Messages for the user: how a bare file's images are prepared, and whether its model was trained that way. */
function preparation({ metadata }: Weights, transform: Transform): string[] {
  const [used, told] = [transform.toString(), metadata.transform];
  const differs =
    told === undefined || told === used ? [] : [`The file says that it was trained with ${told}`];
  return [`Images are prepared with ${used}`, ...differs];
}

interface Opened {
  /** A file of weights, not a run. */
  readonly isBare: boolean;
  readonly paper: Paper;
  readonly config: ModelConfig;
  readonly file: string;
  readonly weights: Weights;
  readonly notes: readonly string[];
  readonly rules: ImageRules;
  /** Mean image and principal components, if the run's recipe computes them. */
  readonly statistics?: ImageStatistics | undefined;
}

async function openRun(path: string): Promise<Opened> {
  const run = await fromRun(path);
  return {
    ...run,
    isBare: false,
    paper: await openPaper(run.config.paper),
    weights: await readWeights(run.file),
    notes: [],
  };
}

async function openFile(file: string, hints: ModelHints): Promise<Opened> {
  const weights = await readWeights(file);
  const found = await recogniseModel(file, weights, hints);
  const tensors = partOf(weights.tensors, found.part);
  const rules = found.config.images ?? imageRules(found.config.imageSize);
  const notes = describeModel(weights, found);
  return { ...found, isBare: true, file, weights: { ...weights, tensors }, rules, notes };
}

async function fromRun(path: string) {
  const folder = RunFolder.open(path);
  const config = await folder.config(trainConfigSchema);
  const statistics =
    config.augment === 'crop-mirror-colour' ? await readStatistics(join(path, STATISTICS)) : undefined;
  const state = await folder.state();
  const name = state.best?.file ?? state.latest;
  if (!name)
    throw new CheckpointError({
      what: `The run in ${path} has no weights yet`,
      expected: 'at least one checkpoint',
      got: 'none',
      next: 'let it train until its first checkpoint (--checkpoint-every)',
    });
  return { config: config.model, file: folder.checkpoints.file(name), rules: rulesOf(config), statistics };
}
