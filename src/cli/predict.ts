import type { Command } from 'commander';
import { PaperweightError } from '../errors/errors.js';
import { printable } from '../errors/printable.js';
import type { Guess } from '../papers/classifier.js';
import type { Paper } from '../papers/paper.js';
import {
  addDeviceOptions,
  type DeviceFlags,
  examples,
  JSON_OUTPUT,
  pathName,
  positiveInteger,
  repeated,
} from './options/options.js';
import { addWeightsOptions, modelHints, RUN_OR_WEIGHTS, type WeightsFlags } from './options/weights.js';
import { fittedTable, note, print, printJson } from './terminal/output.js';
import { readerGone } from './terminal/streams.js';

/** Width of a 100 % bar in characters. */
const BAR = 24;

interface Flags extends DeviceFlags, WeightsFlags {
  readonly top: number;
  readonly json?: boolean;
}

export function register(program: Command, paper?: Paper): void {
  const command = program
    .command('predict')
    .summary('classify images with a trained model')
    .description(
      'Prints the most probable classes of each image. The model sees the centre square of the image.',
    )
    .argument(...RUN_OR_WEIGHTS)
    .argument(
      '<image...>',
      'images: JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP or PPM',
      repeated(pathName('image')),
    )
    .option('--top <n>', 'number of classes to print', positiveInteger('--top'), 5);
  addDeviceOptions(addWeightsOptions(command, paper), 'float32')
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      examples(
        'paperweight predict runs/my-run cat.jpg dog.png --top 3',
        'paperweight predict model.pth cat.jpg --class-names cat,dog',
        'paperweight predict model.onnx cat.jpg',
      ),
    )
    .action(predict);
}

async function predict(path: string, images: readonly string[], flags: Flags): Promise<void> {
  const [{ withDevice }, { Classifier }, { reportError }, { requireModel }] = await Promise.all([
    import('./device.js'),
    import('../papers/classifier.js'),
    import('./print-error.js'),
    import('../papers/loading/load.js'),
  ]);
  requireModel(path);
  const failures: PaperweightError[] = [];
  await withDevice(flags, async (device) => {
    const classifier = await Classifier.open(path, { device, ...(await modelHints(flags)) });
    for (const line of classifier.notes) note(line);
    for (const image of images) {
      if (readerGone()) break;
      try {
        const [top] = await classifier.classify([await classifier.read(image)], { top: flags.top });
        if (flags.json) printJson({ image, top });
        else show(image, top!);
      } catch (error) {
        if (!(error instanceof PaperweightError)) throw error;
        // Continue with the other images.
        failures.push(error);
      }
    }
  });
  if (failures.length > 0 && failures.length < images.length) note();
  for (const failure of failures) process.exitCode = reportError(failure);
}

function show(image: string, top: readonly Guess[]): void {
  print(printable(image));
  const rows = top.map(({ label, probability }) => [
    `  ${label}`,
    `${(100 * probability).toFixed(1)} %`,
    '█'.repeat(Math.round(probability * BAR)),
  ]);
  for (const line of fittedTable(rows, 'lrl', [2]).lines) print(line);
}
