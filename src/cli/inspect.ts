import type { Command } from 'commander';
import { ShapeError, UsageError } from '../errors.js';
import { examples, JSON_OUTPUT, oneOf, positiveInteger } from './options.js';
import { grouped, print, printJson, table } from './output.js';

const MODELS = ['alexnet'] as const;

interface Flags {
  readonly preset: 'notes';
  readonly classes: number;
  readonly input: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('inspect')
    .summary('layers of a model: shapes, parameters, multiply-adds')
    .description(
      'Prints the layers of a model with output shapes, parameters and multiply-adds. Computes nothing.',
    )
    .argument('[model]', 'which model: alexnet', oneOf('model', MODELS), 'alexnet')
    .option('--preset <name>', 'variant of the model: notes', oneOf('--preset', ['notes']), 'notes')
    .option('--classes <n>', 'classes to tell apart', positiveInteger('--classes', 1_000_000), 10)
    .option('--input <pixels>', 'side of the square input picture', positiveInteger('--input', 4096), 224)
    .option(...JSON_OUTPUT)
    .addHelpText('after', examples('paperweight inspect alexnet --classes 1000'))
    .action(inspectModel);
}

async function inspectModel(_model: (typeof MODELS)[number], flags: Flags): Promise<void> {
  const [{ AlexNet }, { inspect }, { withoutInit }] = await Promise.all([
    import('../papers/alexnet/model.js'),
    import('../nn/inspect.js'),
    import('../nn/init.js'),
  ]);
  const model = withoutInit(() => new AlexNet({ numClasses: flags.classes, preset: flags.preset }));
  const summary = (() => {
    try {
      return inspect(model, [3, flags.input, flags.input]);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      throw new UsageError({
        what: `--input ${flags.input} does not go through the model: ${error.what}`,
        ...(error.expected === undefined ? {} : { expected: error.expected }),
        ...(error.got === undefined ? {} : { got: error.got }),
        next: 'give a larger --input; 224 is what the model is made for',
        cause: error,
      });
    }
  })();
  if (flags.json) return printJson(summary);
  const title = `AlexNet, preset ${flags.preset}, ${grouped(flags.classes)} classes, for one picture of 3 × ${flags.input} × ${flags.input}`;
  print(`${title}\n`);
  const rows = summary.layers.map(({ name, type, outputShape, parameters, macs }) => [
    name,
    type,
    outputShape.slice(1).join(' × '),
    parameters === 0 ? '' : grouped(parameters),
    macs === 0 ? '' : grouped(macs),
  ]);
  const head = ['Layer', 'Type', 'Output', 'Parameters', 'Multiply-adds'];
  const total = ['Total', '', '', grouped(summary.parameters), grouped(summary.macs)];
  const [first, ...others] = table([head, ...rows, total], 'lllrr');
  const rule = '─'.repeat(Math.max(first!.length, ...others.map((line) => line.length)));
  for (const line of [first!, rule, ...others.slice(0, -1), rule, others.at(-1)!]) print(line);
}
