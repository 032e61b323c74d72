import assert from 'node:assert/strict';
import test from 'node:test';
import { Command } from 'commander';
import { HELP } from '../../../src/cli/terminal/help.js';

const LONG =
  'initial weights: the name of an initialisation, or a file such as weights.safetensors (default: pytorch)';

/** The help of a command with a long and a short option, in a terminal of the given width. */
function helpIn(columns: number): string {
  const command = new Command('example')
    .configureHelp({ ...HELP, helpWidth: columns })
    .option('--initialisation <name|file>', LONG)
    .option('--quiet', 'say nothing');
  return command.helpInformation();
}

test('texts of a list in a description are wrapped below their beginning', () => {
  const help = new Command('example')
    .configureHelp({ ...HELP, helpWidth: 40 })
    .description(
      'Chooses a preset.\n\n  small   a network for the first look at the command\n  large   all of it',
    )
    .helpInformation();
  assert.match(
    help,
    /^ {2}small {3}a network for the first look\n {10}at the command\n {2}large {3}all of it$/m,
  );
});

test('help fits into a narrow terminal', () => {
  for (const columns of [40, 50, 60, 80, 120]) {
    const help = helpIn(columns);
    for (const line of help.split('\n')) assert.ok(line.length <= columns, `${columns}: ${line}`);
    assert.ok(help.replaceAll(/\s+/g, ' ').includes(LONG), `${columns}`);
  }
  // With little room the description stands below its option, else beside it.
  assert.match(helpIn(50), /^ {2}--quiet\n {6}say nothing$/m);
  assert.match(helpIn(80), /^ {2}--quiet +say nothing$/m);
});
