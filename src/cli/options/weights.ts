import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { faultOfNames } from '../../data/class-order.js';
import { UsageError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { textOf } from '../../files/system/text.js';
import type { Paper } from '../../papers/paper.js';
import type { ModelHints } from '../../papers/recognise.js';
import { addModelOptions, type ModelFlags, modelOptions } from './model.js';
import { filled, pathName, positiveInteger } from './options.js';

/** Help text of `<run-or-weights>`. */
export const RUN_OR_WEIGHTS = [
  '<run-or-weights>',
  'a run folder, a file of weights (.safetensors, or PyTorch’s .pth or .pt), or an .onnx file',
  pathName('run-or-weights'),
] as const;

/** Flags that describe the network of a bare file of weights. */
export interface WeightsFlags extends ModelFlags {
  readonly preset?: string;
  readonly classNames?: string;
  readonly imageSize?: number;
}

/** Adds the flags of {@link WeightsFlags}. */
export function addWeightsOptions(command: Command, paper: Paper | undefined): Command {
  command
    .option(
      '--preset <name>',
      'variant of the network of a bare file of weights (default: recognised from names and shapes)',
      filled('--preset'),
    )
    .option(
      '--class-names <names>',
      'class names for a bare file of weights: separated by commas, or a text file with one per line (default: class 0, class 1 …)',
      filled('--class-names'),
    )
    .option(
      '--image-size <pixels>',
      'side of the input images for a bare file of weights (default: set by the preset)',
      positiveInteger('--image-size', 4096),
    );
  return addModelOptions(command, paper);
}

/** Converts the flags to the hints of `openModel`. */
export async function modelHints(flags: WeightsFlags): Promise<ModelHints> {
  const options = modelOptions(flags);
  return {
    ...(flags.paper === undefined ? {} : { paper: flags.paper }),
    ...(flags.preset === undefined ? {} : { preset: flags.preset }),
    ...(flags.classNames === undefined ? {} : { classes: await classNames(flags.classNames) }),
    ...(flags.imageSize === undefined ? {} : { imageSize: flags.imageSize }),
    ...(options === undefined ? {} : { options }),
  };
}

async function classNames(text: string): Promise<string[]> {
  const isList = text.includes(',');
  const names = isList
    ? text.split(',')
    : textOf(
        text,
        await readFile(text).catch((error) => {
          throw diskError(error, `cannot read --class-names ${text}`, UsageError);
        }),
        UsageError,
      ).split(/\r?\n/);
  const trimmed = names.map((name) => name.trim());
  // A file may end in empty lines; an empty name in a list would shift the names after it.
  const proper = isList ? trimmed : trimmed.filter((name) => name !== '');
  const got = faultOfNames(proper);
  if (got === undefined) return proper;
  throw new UsageError({
    what: `--class-names ${text} cannot be used`,
    expected: 'different names separated by commas, or a text file with one per line',
    got,
  });
}
