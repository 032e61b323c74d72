import type { Command } from 'commander';
import { UsageError } from '../../errors/errors.js';
import type { Paper } from '../../papers/paper.js';
import { defaultPaper } from '../../papers/registry.js';
import { examples } from '../options/options.js';
import { addTrainFlags, type TrainFlags } from './flags.js';

/** The paper's presets, one per line. */
function presets({ name, recipes }: Paper): string {
  const lines = Object.entries(recipes).map(([preset, { about }]) => `  ${preset.padEnd(11)} ${about}`);
  return `\n\nPresets of ${name}:\n${lines.join('\n')}`;
}

/** @param paper whose presets, options and defaults the help shows; undefined if another command runs */
export function register(program: Command, paper?: Paper): void {
  const start = `paperweight train${!paper || paper.id === defaultPaper() ? '' : ` --paper ${paper.id}`}`;
  const short = Object.keys(paper?.recipes ?? {})[1];
  const command = program
    .command('train')
    .summary('train a paper’s network')
    .description(
      `Trains a paper's network and evaluates it on the test images. --paper chooses the paper; train --paper ID --help shows its presets and options.${paper ? presets(paper) : ''}`,
    );
  addTrainFlags(command, paper)
    .addHelpText(
      'after',
      examples(
        ...(short ? [`${start} --preset ${short}`] : []),
        `${start} --data ./data --epochs 10 --run runs/mine`,
        'paperweight train --resume --run runs/mine',
        `${start} --dataset imagefolder --data pets --init weights.safetensors --partial --freeze features`,
      ),
    )
    .action(async (flags: TrainFlags) => {
      if (flags.control && flags.serve === undefined)
        throw new UsageError({
          what: '--control has no effect without --serve',
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
