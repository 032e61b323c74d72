import { accessSync, constants, fstatSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, extname, sep } from 'node:path';
import { CheckpointError, UsageError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { type OutputTarget, outputTarget } from '../../files/output-target.js';
import { realPath } from '../../files/real-path.js';
import { saveStandardOutput } from '../terminal/output.js';

/** `--force`, for `command.option(...FORCE)`. */
export const FORCE = ['--force', 'replace a file that is there already (default: off)'] as const;

/** What a run needs to go on; whatever else lies in its folder can be made again. */
const RUN_FILES =
  /^(checkpoints|kernels|(config|state|process|control|label)\.json|(metrics|log|insights)\.jsonl|run\.lock|statistics\.safetensors)$/;

export interface OutputRule {
  /** The flag that names the file, such as `--out`. */
  readonly flag: string;
  /** What is written, such as "an HTML page". */
  readonly what: string;
  /** How its name may end, the usual one first: `.html`. A name without an ending is taken as well. */
  readonly endings: readonly string[];
  /** Whether a file that is there already is replaced. */
  readonly force: boolean;
  /** Files and folders that are read, which must not be replaced by what is made of them. */
  readonly inputs?: readonly string[];
}

/**
 * Checks where a command is to write before it does its work, so that nobody waits for what cannot be kept, and no
 * file is lost by a slip.
 *
 * @throws UsageError for an ending of another format, a file that is there already, an input; CheckpointError for a
 *   folder, or a place that cannot be written to
 */
export function checkOutput(file: string, rule: OutputRule): void {
  const { flag, what, endings, force, inputs = [] } = rule;
  const ending = extname(basename(file)).toLowerCase();
  const target = targetOf(file, rule);
  if (target.kind === 'open' && isStandardOutput(target.fd)) saveStandardOutput();
  if (target.kind !== 'file') return;
  if (/^\.[a-z]\w*$/.test(ending) && !endings.includes(ending))
    throw new UsageError({
      what: `${flag} ${file} does not fit ${what}`,
      expected: `a name that ends with ${endings.join(' or ')}`,
      got: `"${ending}"`,
      next: 'change the ending',
    });
  for (const input of inputs) refuseInput(file, target, input, flag);
  if (target.old && !force)
    throw new UsageError({
      what: `${file} is there already`,
      expected: 'a name that is free',
      got: `a file of ${target.old.size} bytes`,
      next: `choose another name with ${flag}, or replace the file with --force`,
    });
}

function targetOf(file: string, { flag }: OutputRule): OutputTarget {
  try {
    const target = outputTarget(file);
    if (target.kind === 'stream') accessSync(target.path, constants.W_OK);
    if (target.kind === 'file') {
      accessSync(dirname(target.path), constants.W_OK | constants.X_OK);
      // A file that is marked as one not to be written is not replaced either.
      if (target.old) accessSync(target.path, constants.W_OK);
    }
    return target;
  } catch (error) {
    throw diskError(error, `cannot write ${flag} ${file}`, CheckpointError);
  }
}

/** @throws UsageError for a file that is the input, or that the run which is the input needs */
function refuseInput(
  file: string,
  { path, old }: Extract<OutputTarget, { kind: 'file' }>,
  input: string,
  flag: string,
): void {
  const source = statSync(input, { throwIfNoEntry: false });
  if (!source) return;
  const folder = source.isDirectory() ? realPath(input) + sep : undefined;
  const inside = folder !== undefined && path.startsWith(folder) ? path.slice(folder.length) : undefined;
  const isInput = inside === undefined ? isSame(source, old) : RUN_FILES.test(inside.split(sep)[0]!);
  if (!isInput) return;
  throw new UsageError({
    what: `${flag} ${file} would overwrite what it is made of`,
    expected: 'another file',
    got: inside === undefined ? 'the input itself' : `a file of the run in ${input}`,
    next: `choose another name with ${flag}`,
  });
}

const isSame = (a: Stats, b: Stats | undefined): boolean =>
  b !== undefined && a.isFile() && a.dev === b.dev && a.ino === b.ino;

/** Whether an open file is what standard output goes to. */
function isStandardOutput(fd: number): boolean {
  const [a, b] = [fstatSync(fd), fstatSync(1)];
  return fd === 1 || (a.dev === b.dev && a.ino === b.ino);
}
