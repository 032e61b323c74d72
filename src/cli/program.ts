import { Command, type CommanderError } from 'commander';
import { UsageError } from '../errors/errors.js';
import { didYouMean, nearest } from '../errors/nearest.js';
import type { Paper } from '../papers/paper.js';
import { openPaper, openPaperNamed, paperIds } from '../papers/registry.js';
import { version } from '../version.js';
import * as bench from './bench/bench.js';
import * as data from './data/data.js';
import * as doctor from './doctor.js';
import * as evaluate from './eval.js';
import * as exporting from './export/export.js';
import * as inspect from './inspect/inspect.js';
import * as newPaper from './new.js';
import { flagName } from './options/options.js';
import * as predict from './predict.js';
import { EXIT, reportError } from './print-error.js';
import * as report from './report.js';
import * as reproduce from './reproduce/reproduce.js';
import * as runs from './runs.js';
import * as serve from './serve.js';
import * as site from './site.js';
import { HELP } from './terminal/help.js';
import { hangUp, interruptCode, onInterrupt } from './terminal/interrupt.js';
import { note } from './terminal/output.js';
import { guardStreams, lostOutput } from './terminal/streams.js';
import * as train from './train/train.js';

/** In help order. These files are loaded at every start, so each imports its dependencies only when it runs. */
const COMMANDS = [
  train,
  serve,
  runs,
  evaluate,
  predict,
  report,
  site,
  inspect,
  reproduce,
  newPaper,
  data,
  exporting,
  bench,
  doctor,
];

/** Commands that accept a paper's own flags. */
const OF_A_PAPER = ['train', 'eval', 'predict', 'inspect', 'export'];

/** An error of commander, with the command in which it occurred. */
class Complaint extends Error {
  constructor(
    readonly error: CommanderError,
    readonly command: Command,
  ) {
    super(error.message);
  }
}

/**
 * The paper named on the command line, or the default one. Undefined for commands without paper flags, so that no
 * paper is loaded.
 */
async function paperOf(args: readonly string[]): Promise<Paper | undefined> {
  const [name, ...rest] = args[0] === 'help' ? args.slice(1) : args;
  if (name === undefined || !OF_A_PAPER.includes(name)) return undefined;
  const at = rest.findLastIndex((arg) => arg === '--paper' || arg.startsWith('--paper='));
  const named = at < 0 ? undefined : rest[at]!.slice('--paper='.length) || rest[at + 1];
  const ids = paperIds();
  const subject = name === 'inspect' ? rest.find((arg) => ids.includes(arg)) : undefined;
  // An empty value is refused where the flag is parsed.
  return openPaperNamed(subject ?? (named || undefined));
}

function makeProgram(paper: Paper | undefined): Command {
  const program = new Command('paperweight')
    .description('Deep-learning papers, reproduced in TypeScript.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp(HELP)
    // Errors are thrown by the exit callbacks below, and printed by run().
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      'after',
      '\nExample:\n  $ paperweight train --preset quick\n  $ paperweight train --help\n\nExit codes: 0 done, 1 failed, 2 wrong usage,\n130 interrupted (143 by SIGTERM, 129 by SIGHUP).',
    );
  for (const { register } of COMMANDS) register(program, paper);
  for (const command of [program, ...program.commands])
    command.exitOverride((error) => {
      throw error.exitCode === 0 || error.code === 'commander.help' ? error : new Complaint(error, command);
    });
  return program;
}

/** Longer lists of options are not printed in errors. */
const LISTED = 12;

/** Converts an error of commander to a UsageError. */
function usageError({ error: { code, message }, command }: Complaint): UsageError {
  const [complaint = '', hint = ''] = message.replace(/^error: /, '').split('\n');
  const subject = /'(.*?)'/.exec(complaint)?.[1] ?? '';
  const near = /Did you mean (?:one of )?(.*)\?\)/.exec(hint)?.[1];
  const name = command.parent ? `${command.parent.name()} ${command.name()}` : command.name();
  const help = `see ${name} --help`;
  const suggestion = (words: readonly string[]): string =>
    near !== undefined && nearest(subject, words) === undefined
      ? `did you mean ${near}? Otherwise ${help}`
      : didYouMean(subject, words, help);
  const flags = [...command.options.flatMap((option) => option.long ?? []), '--help'];
  switch (code) {
    case 'commander.unknownOption':
      return new UsageError({
        what: `${name} has no option ${subject}`,
        expected: flags.length > LISTED ? 'one of its options' : `one of ${flags.join(', ')}`,
        got: subject,
        next: suggestion(flags),
      });
    case 'commander.unknownCommand':
      return new UsageError({
        what: `paperweight has no command "${subject}"`,
        expected: `one of ${command.commands.map((c) => c.name()).join(', ')}`,
        got: `"${subject}"`,
        next: suggestion(command.commands.map((c) => c.name())),
      });
    case 'commander.optionMissingArgument':
      return new UsageError({
        what: `${subject.split(' ')[0]} needs a value`,
        expected: subject,
        got: 'no value',
        next: help,
      });
    case 'commander.missingArgument':
      return new UsageError({
        what: `${name} needs an argument`,
        expected: `${name} ${command.usage()}`,
        got: `no ${subject}`,
        next: help,
      });
    case 'commander.excessArguments':
      return new UsageError({
        what: `${name} got too many arguments`,
        expected: `${name} ${command.usage()}`,
        got: command.args.map((text) => `"${text}"`).join(' '),
        next: help,
      });
    default:
      return new UsageError({ what: complaint, next: help });
  }
}

/** True if the command handles signals itself because it has work to save. */
const hasOwnEnding = (): boolean => process.listenerCount('SIGINT') > 1;

/**
 * Runs the command line.
 *
 * @param args arguments after `paperweight`
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted (143 by SIGTERM, 129 by SIGHUP)
 */
export async function run(args: readonly string[]): Promise<number> {
  guardStreams({
    // Without its own handling the command ends soon, with the error below.
    onLost: () => {
      if (hasOwnEnding()) note('Standard output cannot be written. Work continues; its output is lost.');
    },
    onGone: hangUp,
  });
  onInterrupt(
    () => {
      if (hasOwnEnding()) return;
      process.stderr.write('\nInterrupted.\n');
      process.exit(interruptCode());
    },
    { reader: false },
  );
  const code = await parse(args);
  const lost = lostOutput();
  return lost && code === EXIT.done ? reportError(lost) : code;
}

async function parse(args: readonly string[]): Promise<number> {
  let paper: Paper | undefined;
  try {
    paper = await paperOf(args);
    await makeProgram(paper).parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? EXIT.done);
  } catch (error) {
    if (!(error instanceof Complaint)) return reportError(error);
    return reportError((await otherPapersOption(error, paper)) ?? usageError(error));
  }
}

/** An error for a flag that belongs to another paper. */
async function otherPapersOption(
  { error: { code, message } }: Complaint,
  paper: Paper | undefined,
): Promise<UsageError | undefined> {
  const flag = /'(.*?)'/.exec(message)?.[1] ?? '';
  if (code !== 'commander.unknownOption' || !paper) return undefined;
  const others = (await Promise.all(paperIds().map((id) => openPaper(id)))).filter(({ options }) =>
    Object.keys(options.shape).some((key) => flagName(key) === flag),
  );
  if (others.length === 0) return undefined;
  const own = Object.keys(paper.options.shape).map(flagName);
  return new UsageError({
    what: `${paper.name} has no option ${flag.slice(2)}`,
    expected: own.length === 0 ? 'no options of its own' : `one of ${own.join(', ')}`,
    got: flag,
    next: `leave it out; it belongs to ${others.map(({ id, name }) => `${name} (--paper ${id})`).join(', ')}`,
  });
}
