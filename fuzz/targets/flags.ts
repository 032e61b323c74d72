import { Command, CommanderError } from 'commander';
import { addModelOptions, type ModelFlags, modelOptions } from '../../src/cli/options/model.js';
import {
  addDeviceOptions,
  fraction,
  nonNegativeNumber,
  positiveNumber,
} from '../../src/cli/options/options.js';
import { UsageError } from '../../src/errors/errors.js';
import { parseOptions } from '../../src/papers/paper.js';
import { openPaper } from '../../src/papers/registry.js';
import { bytesOf, textOf } from '../bytes.js';
import { must, type Target } from '../target.js';

const LINES = [
  ['--option', 'activation=tanh', '--hidden', '12'],
  ['--activation', 'relu', '--norm', 'batch', '--pooling', 'plain', '--towers', '2', '--width', 'half'],
  ['--without', 'conv3', '--device', 'onednn', '--threads', '4', '--precision', 'bfloat16'],
  ['--lr', '1e-3', '--momentum', '.9', '--decay', '0', '--option', '__proto__=1', '--option', 'x=true'],
  ['--paper', 'resnet', '--option', 'depth=20'],
];
const ADVICE = /cannot be used|has no option|cannot have/;

const papers = await Promise.all(['alexnet', 'resnet'].map((id) => openPaper(id)));

function parse(args: readonly string[]) {
  const command = addDeviceOptions(addModelOptions(new Command(), papers[0]))
    .option('--lr <n>', '', positiveNumber('--lr'))
    .option('--momentum <n>', '', fraction('--momentum'))
    .option('--decay <n>', '', nonNegativeNumber('--decay'))
    .exitOverride()
    .configureOutput({ writeErr: () => {}, writeOut: () => {} });
  command.parse(args, { from: 'user' });
  return command.opts<ModelFlags & { lr?: number; momentum?: number; decay?: number; threads?: number }>();
}

/** Command-line flags, one argument per line, and the paper options made from them. */
export const flagsTarget: Target = {
  name: 'flags',
  format: 'bytes',
  most: 400,
  seeds: () => LINES.map((args) => bytesOf(args.join('\n'))),
  words: [...LINES.flat(), '\n', '=', '__proto__=', 'constructor=1', '1e999', '0x10', '-', '--', '+', ' '],
  run(input) {
    let flags: ReturnType<typeof parse>;
    try {
      flags = parse(textOf(input).split('\n'));
    } catch (error) {
      if (error instanceof CommanderError) return error.code;
      throw error;
    }
    const { lr = 1, momentum = 0, decay = 0, threads = 1 } = flags;
    must(lr > 0 && lr < Number.POSITIVE_INFINITY, 'an invalid rate');
    must(momentum >= 0 && momentum < 1 && decay >= 0, 'a number out of range');
    must(Number.isInteger(threads) && threads > 0 && threads <= 1024, 'an invalid number of threads');
    const options = modelOptions(flags) ?? {};
    let fit = 0;
    for (const paper of papers)
      try {
        must(typeof parseOptions(paper, options) === 'object', 'invalid options');
        fit++;
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        must(ADVICE.test(error.message), 'an error without a reason');
      }
    return `fits ${fit}`;
  },
};
