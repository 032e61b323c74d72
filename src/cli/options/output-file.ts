import { accessSync, constants, fstatSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, extname, sep } from 'node:path';
import { CheckpointError, UsageError } from '../../errors/errors.js';
import { diskError } from '../../files/disk-error.js';
import { type OutputTarget, outputTarget } from '../../files/output-target.js';
import { realPath } from '../../files/real-path.js';
import { saveStandardOutput } from '../terminal/output.js';

/** `--force`, for `command.option(...FORCE)`. */
export const FORCE = ['--force', 'replace an existing file (default: off)'] as const;

/** Files that a run needs to be resumed; all others in its folder can be created again. */
const RUN_FILES =
  /^(checkpoints|kernels|(config|state|process|control|label)\.json|(metrics|log|insights)\.jsonl|run\.lock|statistics\.safetensors)$/;

export interface OutputRule {
  /** Flag that names the file, such as `--out`. */
  readonly flag: string;
  /** Kind of file, such as "an HTML page". */
  readonly what: string;
  /** Accepted extensions, the usual one first: `.html`. Names without an extension are accepted too. */
  readonly endings: readonly string[];
  /** Whether an existing file is replaced. */
  readonly force: boolean;
  /** Input files and folders of the command, which must not be overwritten. */
  readonly inputs?: readonly string[];
}

/**
 * Checks the output file before a command starts its work, so that no work is lost to an unwritable path and no
 * existing file is lost by mistake.
 *
 * @throws UsageError for an extension of another format, an existing file, or an input; CheckpointError for a folder
 *   or a path that cannot be written
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
      expected: `a name that ends in ${endings.join(' or ')}`,
      got: `"${ending}"`,
      next: 'change the extension',
    });
  for (const input of inputs) refuseInput(file, target, input, flag);
  if (target.old && !force)
    throw new UsageError({
      what: `${file} already exists`,
      expected: 'an unused name',
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
      // Read-only files are not replaced.
      if (target.old) accessSync(target.path, constants.W_OK);
    }
    return target;
  } catch (error) {
    throw diskError(error, `cannot write ${flag} ${file}`, CheckpointError);
  }
}

/** @throws UsageError if the file is the input, or belongs to the run that is the input */
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
    what: `${flag} ${file} would overwrite the input`,
    expected: 'another file',
    got: inside === undefined ? 'the input itself' : `a file of the run in ${input}`,
    next: `choose another name with ${flag}`,
  });
}

const isSame = (a: Stats, b: Stats | undefined): boolean =>
  b !== undefined && a.isFile() && a.dev === b.dev && a.ino === b.ino;

/** Whether an open file is the destination of standard output. */
function isStandardOutput(fd: number): boolean {
  const [a, b] = [fstatSync(fd), fstatSync(1)];
  return fd === 1 || (a.dev === b.dev && a.ino === b.ino);
}
