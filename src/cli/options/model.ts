import type { Command } from 'commander';
import { UsageError } from '../../errors/errors.js';
import type { ModelConfig } from '../../run/config.js';
import { oneOf, type Parser, pathName, positiveInteger } from './options.js';

type Options = NonNullable<ModelConfig['options']>;

/** Flags that change a network. Each paper says which of them it has, and checks their values. */
export interface ModelFlags {
  readonly paper?: string;
  readonly activation?: string;
  readonly norm?: string;
  readonly pooling?: string;
  readonly towers?: number;
  readonly width?: string;
  readonly without?: string;
  readonly hidden?: number;
  readonly option?: Options;
}

const NAMES = ['activation', 'norm', 'pooling', 'towers', 'width', 'without', 'hidden'] as const;

/** Adds `--paper` and the flags that change a network. */
export function addModelOptions(command: Command): Command {
  const word = (flag: string): Parser<string> => pathName(flag);
  return command
    .option('--paper <id>', 'which paper (default: alexnet)', word('--paper'))
    .option('--activation <name>', 'relu, leaky-relu, tanh or sigmoid (default: relu)', word('--activation'))
    .option('--norm <name>', 'lrn, batch or none (default: the preset’s own)', word('--norm'))
    .option('--pooling <name>', 'overlapping or plain (default: overlapping)', word('--pooling'))
    .option('--towers <n>', '1 or 2 (default: the preset’s own)', positiveInteger('--towers'))
    .option(
      '--width <name>',
      'full or half as many kernels (default: full)',
      oneOf('--width', ['full', 'half']),
    )
    .option('--without <layer>', 'leaves out conv3, conv4 or conv5 (default: none)', word('--without'))
    .option(
      '--hidden <n>',
      'units of a hidden fully connected layer (default: 4096)',
      positiveInteger('--hidden'),
    )
    .option(
      '--option <name=value>',
      'an option that only some paper has; may come several times (default: none)',
      collect,
    );
}

/** The flags as a model's configuration has them; undefined when there are none. */
export function modelOptions(flags: ModelFlags): Options | undefined {
  const own = NAMES.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]] as const]));
  const all = { ...Object.fromEntries(own), ...flags.option };
  return Object.keys(all).length === 0 ? undefined : all;
}

/** `name=value`, where the value may be a number, true or false. */
function collect(text: string, before: Options = {}): Options {
  const at = text.indexOf('=');
  if (at < 1)
    throw new UsageError({
      what: `--option ${text} cannot be used`,
      expected: 'name=value',
      got: `"${text}"`,
    });
  const value = text.slice(at + 1);
  const plain = value === 'true' ? true : value === 'false' ? false : value;
  return {
    ...before,
    [text.slice(0, at)]:
      typeof plain === 'string' && plain !== '' && Number.isFinite(Number(plain)) ? Number(plain) : plain,
  };
}
