import type { Command } from 'commander';
import { UsageError } from '../../errors/errors.js';
import { recipes } from '../../papers/alexnet/recipe.js';
import type { Recipe } from '../../papers/paper.js';
import { DATASETS } from '../../run/dataset-names.js';
import { INSIGHT_EVERY } from '../../run/events.js';
import { addFinetuneOptions } from '../options/finetune.js';
import { addModelOptions } from '../options/model.js';
import {
  addDeviceOptions,
  examples,
  fraction,
  integer,
  JSON_OUTPUT,
  nonNegativeNumber,
  oneOf,
  pathName,
  positiveInteger,
  positiveNumber,
} from '../options/options.js';
import { port } from '../serve.js';
import type { TrainFlags } from './flags.js';

/** `(default: 128; quick: 32)`, from AlexNet's recipes themselves. */
function defaults(pick: (recipe: Recipe) => unknown): string {
  const [notes, quick] = [pick(recipes.notes), pick(recipes.quick)];
  const show = (value: unknown) => (value === undefined ? 'no limit' : String(value));
  return `(default: ${show(notes)}${quick === notes ? '' : `; quick: ${show(quick)}`})`;
}

const limit = (value: number | undefined, all: string): string | number => value ?? all;

export function register(program: Command): void {
  const command = program
    .command('train')
    .summary('train a paper’s network')
    .description(
      `Trains a paper's network, AlexNet unless --paper names another, and measures it on the test images.\n\nPresets of AlexNet:\n${Object.entries(
        recipes,
      )
        .map(([name, { about }]) => `  ${name.padEnd(11)} ${about}`)
        .join('\n')}`,
    )
    .option(
      '--preset <name>',
      `the recipe, such as ${Object.keys(recipes).join(', ')} (default: notes)`,
      pathName('--preset'),
    )
    .option(
      '--dataset <name>',
      'cifar10, shapes10, or imagefolder: images in folders (default: CIFAR-10 from a folder, else downloaded, else shapes10)',
      oneOf('--dataset', DATASETS),
    )
    .option(
      '--data <dir>',
      'folder that holds the .bin files (default: the one that PAPERWEIGHT_CIFAR10 names, else ./data), or train/ and val/ for imagefolder',
      pathName('--data'),
    )
    .option(
      '--epochs <n>',
      `times through the training images ${defaults((r) => r.epochs)}`,
      positiveInteger('--epochs'),
    )
    .option(
      '--max-steps <n>',
      `stop after n steps; a run of less than an epoch is measured on a sample of the test images, unless --eval-limit says otherwise ${defaults((r) => r.maxSteps)}`,
      positiveInteger('--max-steps'),
    )
    .option(
      '--batch-size <n>',
      `images a step ${defaults((r) => r.batchSize)}`,
      positiveInteger('--batch-size', 65_536),
    )
    .option('--lr <rate>', `learning rate ${defaults((r) => r.lr)}`, positiveNumber('--lr'))
    .option('--momentum <m>', `momentum ${defaults((r) => r.momentum)}`, fraction('--momentum'))
    .option(
      '--weight-decay <w>',
      `weight decay ${defaults((r) => r.weightDecay)}`,
      nonNegativeNumber('--weight-decay'),
    )
    .option('--seed <n>', 'decides weights, order and dropout (default: 0)', integer('--seed', { min: 0 }))
    .option('--run <dir>', 'folder for the run (default: a new one in ./runs)', pathName('--run'))
    .option(
      '--resume',
      'continue the run in --run, or the youngest in ./runs, where its last checkpoint stands (default: off)',
    )
    .option(
      '--checkpoint-every <n>',
      `steps between checkpoints; there is one at each epoch's end too ${defaults((r) => r.checkpointEvery)}`,
      positiveInteger('--checkpoint-every'),
    )
    .option(
      '--eval-limit <n>',
      `measure on a random sample of n test images, spread over the classes ${defaults((r) => limit(r.evalLimit, 'all'))}`,
      positiveInteger('--eval-limit'),
    )
    .option(
      '--insight-every <n>',
      `steps between two looks into the model (norms, dead units, kernels); 0 for none (default: ${INSIGHT_EVERY})`,
      integer('--insight-every', { min: 0 }),
    )
    .option(
      '--log-dir <dir>',
      'write TensorBoard event files into a folder of the run’s name there (default: none)',
      pathName('--log-dir'),
    );
  addModelOptions(command)
    .option(
      '--dropout <p>',
      `probability of dropout ${defaults((r) => r.model.dropout)}`,
      fraction('--dropout'),
    )
    .option(
      '--image-size <pixels>',
      `side of the images that the network gets ${defaults((r) => r.model.imageSize)}`,
      positiveInteger('--image-size', 4096),
    )
    .option(
      '--init <name|file>',
      `how weights start: an initialisation, or a file of weights such as weights.safetensors ${defaults((r) => r.model.init)}`,
      pathName('--init'),
    );
  addFinetuneOptions(command);
  addDeviceOptions(command)
    .option(
      '--dry-run',
      'two steps, one batch of measuring, a checkpoint written and read back, and nothing left behind (default: off)',
    )
    .option(
      '--serve [port]',
      'show the run in the browser while it trains (default: off; port 8321)',
      port('--serve'),
    )
    .option('--control', 'with --serve: let the pages pause and stop the run (default: off)')
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      examples(
        'paperweight train --preset quick',
        'paperweight train --preset four-layer --activation tanh',
        'paperweight train --data ./data --epochs 10 --run runs/notes',
        'paperweight train --resume --run runs/notes',
        'paperweight train --dataset imagefolder --data pets --init weights.safetensors --partial --freeze features',
      ),
    )
    .action(async (flags: TrainFlags) => {
      if (flags.control && flags.serve === undefined)
        throw new UsageError({
          what: '--control does nothing without --serve',
          expected: '--serve --control',
          got: '--control',
          next: 'add --serve, or leave --control out',
        });
      if (flags.dryRun && flags.resume)
        throw new UsageError({
          what: '--dry-run cannot resume a run',
          expected: 'one of the two',
          got: '--dry-run --resume',
          next: 'leave one of them out',
        });
      const { runTraining } = await import('./run.js');
      await runTraining(flags);
    });
}
