import { type Command, Option } from 'commander';
import type { z } from 'zod';
import { UsageError } from '../../errors/errors.js';
import type { Paper } from '../../papers/paper.js';
import { defaultPaper, paperIds } from '../../papers/registry.js';
import { expectedBy } from '../../papers/schema-issue.js';
import type { ModelConfig } from '../../run/config.js';
import { flagName, pathName, refuse } from './options.js';

type Options = NonNullable<ModelConfig['options']>;

/** Flags that choose and change a network. */
export interface ModelFlags {
  readonly paper?: string;
  /** Network options from `--option` and the paper's own flags. */
  readonly option?: Options;
}

/** A flag declared by a paper. Its value is stored under the option's name, like those of `--option`. */
class PaperFlag extends Option {
  constructor(
    readonly key: string,
    schema: z.ZodType,
  ) {
    const { value, description } = schema.meta() ?? {};
    super(`${flagName(key)} ${value}`, description);
    this.argParser((text: string, before: Options = {}) => ({ ...before, [key]: parsed(key, text, schema) }));
  }

  override attributeName(): string {
    return 'option';
  }
}

/**
 * Adds `--paper`, `--option` and the flags that a paper declares.
 *
 * @param paper of the command, by name or by default
 */
export function addModelOptions(command: Command, paper: Paper | undefined): Command {
  command.option(
    '--paper <id>',
    `paper: ${paperIds().join(', ')}; each has its own options (default: ${defaultPaper()})`,
    pathName('--paper'),
  );
  for (const [key, schema] of Object.entries(paper?.options.shape ?? {}))
    command.addOption(new PaperFlag(key, schema as z.ZodType));
  return command.option(
    '--option <name=value>',
    'an option of the paper by its name; can be repeated (default: none)',
    collect,
  );
}

/** The options in the form of a model's configuration; undefined without options. */
export const modelOptions = ({ option }: ModelFlags): Options | undefined => option;

/** Parses a number, true or false; other text is returned unchanged. */
function plain(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

function parsed(key: string, text: string, schema: z.ZodType): Options[string] {
  const result = schema.safeParse(plain(text));
  if (result.success) return result.data as Options[string];
  // A valid word may look like a number.
  if (schema.safeParse(text).success) return text;
  const issue = result.error.issues[0]!;
  const words = issue.code === 'invalid_value' ? issue.values.map(String) : [];
  return refuse(flagName(key), text, expectedBy(issue), words);
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
  return { ...before, [text.slice(0, at)]: plain(text.slice(at + 1)) };
}
