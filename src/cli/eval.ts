import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { grouped } from '../errors/counted.js';
import { UsageError } from '../errors/errors.js';
import type { Paper } from '../papers/paper.js';
import { DATASETS, type DatasetName } from '../run/dataset-names.js';
import {
  addDeviceOptions,
  type DeviceFlags,
  examples,
  JSON_OUTPUT,
  oneOf,
  pathName,
  positiveInteger,
} from './options/options.js';
import { addWeightsOptions, modelHints, RUN_OR_WEIGHTS, type WeightsFlags } from './options/weights.js';
import { note, print, printJson } from './terminal/output.js';

interface Flags extends DeviceFlags, WeightsFlags {
  readonly data?: string;
  readonly dataset?: DatasetName;
  readonly batchSize: number;
  readonly evalLimit?: number;
  readonly tenCrop?: boolean;
  readonly json?: boolean;
}

export function register(program: Command, paper?: Paper): void {
  const command = program
    .command('eval')
    .summary('evaluate a trained model on the test images')
    .description('Computes top-1 and top-5 accuracy and the mean loss of a trained model on the test images.')
    .argument(...RUN_OR_WEIGHTS)
    .option(
      '--dataset <name>',
      `test images: ${DATASETS.join(', ')} (default: the data set of the run, else cifar10)`,
      oneOf('--dataset', DATASETS),
    )
    .option(
      '--data <dir>',
      'folder with the .bin files, or with val/ for imagefolder (default: the run’s folder, else PAPERWEIGHT_CIFAR10 if set, else ./data)',
      pathName('--data'),
    )
    .option('--batch-size <n>', 'images per batch', positiveInteger('--batch-size', 65_536), 128)
    .option(
      '--eval-limit <n>',
      'evaluate on a fixed, class-balanced random sample of n images (default: all)',
      positiveInteger('--eval-limit'),
    )
    .option(
      '--ten-crop',
      'average predictions over the four corners and the centre of each image and their mirror images (default: off)',
    );
  addDeviceOptions(addWeightsOptions(command, paper), 'float32')
    .option(...JSON_OUTPUT)
    .addHelpText('after', examples('paperweight eval runs/my-run --data ./data --eval-limit 1000'))
    .action(evaluateRun);
}

async function evaluateRun(path: string, flags: Flags): Promise<void> {
  const [
    { withDevice },
    { openDatasetWithProgress },
    { openModel, requireModel },
    { testSetFor },
    { evaluateModel },
    { tenViews },
    { Progress },
    { describeSample },
  ] = await Promise.all([
    import('./device.js'),
    import('./data/open.js'),
    import('../papers/loading/load.js'),
    import('../papers/test-set.js'),
    import('../train/evaluate.js'),
    import('../train/ten-crop.js'),
    import('./terminal/progress.js'),
    import('../data/stratified-sample.js'),
  ]);
  requireModel(path);
  const choice = await chooseTestSet(path, flags);
  const images = await openDatasetWithProgress({ ...choice, train: false });
  await withDevice(flags, async (device) => {
    const opened = await openModel(path, device, await modelHints(flags));
    const { model, classes, config, transform, views, rules } = opened;
    if (opened.independent)
      throw new UsageError({
        what: `${path} outputs an independent probability for each class (sigmoid), so an image may have several classes`,
        expected: 'a model with one class per image, like the test images',
        got: `${classes.length} independent probabilities`,
        next: 'classify single images with predict',
      });
    const prepared = (await images.prepared?.(rules)) ?? images;
    const { dataset, notes } = testSetFor(path, classes, prepared);
    for (const line of [...opened.notes, ...notes]) note(line);
    const total = Math.min(flags.evalLimit ?? dataset.length, dataset.length);
    const bar = new Progress({ label: 'eval', total, unit: 'images' });
    const result = await evaluateModel({
      model,
      dataset,
      transform,
      views: flags.tenCrop ? (views ?? tenViews(transform, config.imageSize, dataset.imageShape)) : undefined,
      batchSize: opened.batch ?? Math.min(flags.batchSize, total),
      limit: total,
      onProgress: (images) => bar.update(images),
    }).finally(() => bar.done());
    if (!Number.isFinite(result.loss) && /\.onnx$/i.test(path))
      note(
        `The mean loss is not finite: ${path} computes probabilities, some of which are rounded to 0. Export the model with its logits to measure the loss.`,
      );
    if (flags.json) return printJson(result);
    print(`Accuracy on test set: ${result.accuracy.toFixed(2)}%`);
    if (result.top5 !== undefined) print(`Top-5 accuracy: ${result.top5.toFixed(2)}%`);
    print(`Mean loss: ${result.loss.toFixed(4)}`);
    const sample = describeSample(result.images, result.sampled < result.total ? result.total : undefined);
    print(`Images: ${sample ?? grouped(result.images)}`);
    if (dataset.summary?.()) note(dataset.summary());
  });
}

/** The test images chosen by the flags, otherwise those of the data set that the run was trained on. */
export async function chooseTestSet(
  path: string,
  flags: Pick<Flags, 'dataset' | 'data'>,
): Promise<{ dataset: string; data: string | undefined }> {
  if (!existsSync(join(path, 'config.json')))
    return { dataset: flags.dataset ?? 'cifar10', data: flags.data };
  const [{ RunFolder }, { trainConfigSchema }] = await Promise.all([
    import('../run/run-folder.js'),
    import('../run/config.js'),
  ]);
  const run = await RunFolder.open(path).config(trainConfigSchema);
  const [{ asClassifier }, { openPaper }] = await Promise.all([
    import('../papers/paper.js'),
    import('../papers/registry.js'),
  ]);
  asClassifier(await openPaper(run.model.paper));
  const dataset = flags.dataset ?? run.dataset;
  // The run may come from another machine, so its data folder may not exist here.
  const same = dataset === run.dataset && run.data !== undefined && existsSync(run.data);
  return { dataset, data: flags.data ?? (same ? run.data : undefined) };
}
