import { resolve } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../../errors/errors.js';
import { NAN_POLICIES, type TrainConfig } from '../../run/config.js';
import {
  between,
  fraction,
  oneOf,
  pathName,
  patternAndFactor,
  positiveInteger,
  positiveNumber,
  repeated,
} from './options.js';

/** Flags of `train` for starting from weights, for gentler steps, and for numbers that go wrong. */
export interface FinetuneFlags {
  /** An initialisation's name, or a file of weights. */
  readonly init?: string;
  readonly partial?: boolean;
  readonly freeze?: readonly string[];
  readonly lrScale?: readonly { readonly pattern: string; readonly factor: number }[];
  readonly accumulate?: number;
  readonly clipNorm?: number;
  readonly clipValue?: number;
  readonly ema?: number;
  readonly labelSmoothing?: number;
  readonly overfitBatches?: number;
  readonly onNan?: (typeof NAN_POLICIES)[number];
}

export function addFinetuneOptions(command: Command): Command {
  return command
    .option(
      '--partial',
      'with --init FILE: leave what the file lacks, or has in another shape, as initialised (default: off)',
    )
    .option(
      '--freeze <module>',
      'do not train a module and all below it, such as features or features.*; may be given again (default: none)',
      repeated(pathName('--freeze')),
    )
    .option(
      '--lr-scale <module=factor>',
      'learning rate of a module relative to --lr, such as features=0.1; may be given again (default: none)',
      repeated(patternAndFactor('--lr-scale')),
    )
    .option(
      '--accumulate <n>',
      'batches a step: their gradients are added up, as if the batch were so much larger (default: 1)',
      positiveInteger('--accumulate', 65_536),
    )
    .option(
      '--clip-norm <x>',
      'scale gradients down to this L2 norm, all of them together (default: none)',
      positiveNumber('--clip-norm'),
    )
    .option(
      '--clip-value <x>',
      'keep each element of a gradient within plus and minus this (default: none)',
      positiveNumber('--clip-value'),
    )
    .option(
      '--ema <decay>',
      'evaluate, and keep as best, a moving average of the weights; 0.999 is usual (default: none)',
      between('--ema', 0, 1),
    )
    .option(
      '--label-smoothing <s>',
      'share of each label that is spread over all classes (default: 0)',
      fraction('--label-smoothing'),
    )
    .option(
      '--overfit-batches <n>',
      'train and measure on the same n batches alone: a network that works learns them by heart (default: off)',
      positiveInteger('--overfit-batches'),
    )
    .option(
      '--on-nan <policy>',
      'when a loss or gradient is NaN or infinite: stop, skip the step, or rollback to the last checkpoint with a quarter of the rate (default: stop)',
      oneOf('--on-nan', NAN_POLICIES),
    );
}

/** A file rather than the name of an initialisation: it has an ending or lies in a folder. */
const isFile = (init: string): boolean => /[./\\]/.test(init);

/** What the flags say about the initialisation by name; undefined where they name a file or nothing. */
export const initName = ({ init }: FinetuneFlags): string | undefined =>
  init !== undefined && !isFile(init) ? init : undefined;

/** @throws UsageError for --partial without a file */
export function startFromOf({ init, partial = false }: FinetuneFlags): TrainConfig['startFrom'] {
  if (init !== undefined && isFile(init)) return { file: resolve(init), partial };
  if (!partial) return undefined;
  throw new UsageError({
    what: '--partial does nothing without a file to start from',
    expected: '--init weights.safetensors --partial',
    got: init === undefined ? '--partial alone' : `--init ${init}`,
    next: 'name a file of weights, or leave --partial out',
  });
}
