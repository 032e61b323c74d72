import type { Command } from 'commander';
import { UsageError } from '../../errors/errors.js';
import { parseShard } from '../../papers/claims/shard.js';
import { defaultPaper } from '../../papers/registry.js';
import { addDeviceOptions, examples, JSON_OUTPUT, type Parser, pathName } from '../options/options.js';
import type { ReproduceFlags } from './flags.js';

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** 90s, 30m, 2h, 1h30m → seconds */
const duration: Parser<number> = (text) => {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)([smh])/g)];
  const seconds = parts.reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit!]!, 0);
  if (seconds > 0 && parts.map(([all]) => all).join('') === text) return seconds;
  throw new UsageError({
    what: `--budget ${text} cannot be used`,
    expected: 'a time such as 90s, 30m or 1h30m',
    got: `"${text}"`,
    next: 'give another value, or leave --budget out for its default (--help shows it)',
  });
};

export function register(program: Command): void {
  const command = program
    .command('reproduce')
    .summary('measure a paper’s claims and compare them with the paper')
    .description(
      'Starts the missing training runs of a paper’s claims, resumes interrupted ones, and rebuilds the table of claims after each. Ctrl-C saves a checkpoint first.',
    )
    .argument('[paper]', `paper (default: ${defaultPaper()})`, pathName('paper'))
    .option(
      '--claim <id>',
      'only this claim; can be repeated (default: all)',
      (id: string, before: readonly string[] = []) => [...before, id],
    )
    .option('--budget <time>', 'stop after this time, such as 30m or 2h (default: no limit)', duration)
    .option(
      '--shard <i/n>',
      'only part i of n, to divide the training runs among machines; run without it to merge (default: the task of a Slurm job array, else all)',
      parseShard,
    )
    .option('--list', 'print the claims and the remaining training runs, and train nothing (default: off)')
    .option(
      '--data <dir>',
      'folder with the .bin files (default: PAPERWEIGHT_CIFAR10 if set, else ./data)',
      pathName('--data'),
    )
    .option('--runs <dir>', 'folder for the runs', pathName('--runs'), 'runs')
    .option(
      '--results <dir>',
      'folder for the results (default: results/ in the paper’s folder; in an installed package ./results/PAPER)',
      pathName('--results'),
    );
  addDeviceOptions(command)
    .option(...JSON_OUTPUT)
    .addHelpText(
      'after',
      examples(
        `paperweight reproduce ${defaultPaper()} --list`,
        `paperweight reproduce ${defaultPaper()} --budget 30m --data ./data`,
        `paperweight reproduce ${defaultPaper()} --claim parameters`,
      ),
    )
    .action(async (id: string | undefined, flags: ReproduceFlags) => {
      const { reproducePaper } = await import('./run.js');
      await reproducePaper(id, flags);
    });
}
