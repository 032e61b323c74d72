import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { describeError } from '../../src/cli/print-error.js';
import { DataError, UsageError } from '../../src/errors/errors.js';
import { runCli, runNode } from '../support/cli.js';
import { scratch } from '../support/toy.js';

const COMMANDS = [
  'train',
  'runs',
  'eval',
  'predict',
  'report',
  'site',
  'inspect',
  'reproduce',
  'new',
  'data',
  'export',
  'bench',
  'doctor',
];

/** Runs the command, and expects one paragraph and exit code 2. */
async function refused(args: readonly string[], ...words: RegExp[]) {
  const { code, stdout, stderr } = await runCli(args);
  const label = `paperweight ${args.join(' ')}\n${stderr}`;
  assert.equal(code, 2, label);
  assert.equal(stdout, '', label);
  assert.match(stderr, /^error: [^\n]+\. Expected [^\n]+; got [^\n]+\. Next: [^\n]+\.\n$/, label);
  for (const word of words) assert.match(stderr, word, label);
}

test('the help of every command has an example, and each option shows its default', async () => {
  const { code, stdout, stderr } = await runCli(['--help']);
  assert.equal(code, 0, stderr);
  for (const command of COMMANDS) {
    assert.match(stdout, new RegExp(`^  ${command} `, 'm'));
    const help = await runCli([command, '--help']);
    assert.equal(help.code, 0, help.stderr);
    assert.match(help.stdout, new RegExp(`Examples?:\\n  \\$ paperweight ${command}`));
    // An option's text can have several lines.
    const section = help.stdout.split('Options:\n')[1]!.split('\n\n')[0]!;
    for (const option of section.split(/\n(?= {2}-)/))
      if (!option.includes('--help')) assert.match(option, /\(default:/, `${command}: ${option}`);
  }
});

test('without a command, the help is printed', async () => {
  const { code, stdout, stderr } = await runCli([]);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /^Usage: paperweight/);
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));
  assert.deepEqual(await runCli(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('unknown commands and flags are refused with the nearest known one', async () => {
  await refused(['inspct'], /no command "inspct"/, /did you mean inspect\?/);
  await refused(
    ['frobnicate'],
    /one of train, serve, runs, eval, predict, report, site, inspect, reproduce, new, data, export, bench, doctor/,
  );
  await refused(['--frobnicate'], /has no option --frobnicate/);
  await refused(['inspect', '--clases', '10'], /did you mean --classes\?/);
  for (const command of COMMANDS) {
    const args =
      { eval: ['run'], predict: ['run', 'a.png'], export: ['run'], bench: ['start'], new: ['some'] }[
        command
      ] ?? [];
    await refused([command, ...args, '--frobnicate'], new RegExp(`paperweight ${command} has no option`));
  }
});

test('the nearest option is suggested instead of a long list', async () => {
  for (const [command, given, meant] of [
    ['train', '--steps', '--max-steps'],
    ['train', '--learning-rate', '--lr'],
    ['train', '--bacth-size', '--batch-size'],
    ['eval', '--batch', '--batch-size'],
    ['report', '--output', '--out'],
  ] as const) {
    const { code, stderr } = await runCli([command, given, '3']);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`Next: did you mean ${meant}\\? Otherwise see [^?]*\\n$`), given);
    assert.ok(stderr.length < 300, stderr);
  }
  await refused(['train', '--preset', 'quik'], /did you mean quick\?/);
  await refused(['train', '--paper', 'alexnt'], /did you mean alexnet\?/);
  await refused(['train', '--dataset', 'cifar'], /did you mean cifar10\?/);
  await refused(['inspect', '--preset', 'batchnrm'], /did you mean batchnorm\?/);
  await refused(['bench', 'tain'], /bench tain .*did you mean train\?/);
  await refused(['reproduce', '--claim', 'lrn-4-layer'], /did you mean lrn-four-layer\?/);
});

test('a missing path is reported before anything else', async (t) => {
  const folder = await scratch(t);
  const absent = join(folder, 'absent');
  for (const args of [
    ['eval', absent],
    ['eval', absent, '--dataset', 'cifar10', '--data', absent],
    ['predict', absent, 'absent.png'],
    ['export', absent, '--out', 'x.bin'],
    ['report', absent, '--out', join(folder, 'nowhere', 'x.pdf')],
    ['inspect', absent],
    ['inspect', `${absent}.pth`],
    ['train', '--dataset', 'imagefolder', '--data', absent, '--init', `${absent}.pth`],
  ]) {
    const { code, stdout, stderr } = await runCli(args, { cwd: folder });
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(
      stderr,
      /^error: \S*absent\S* (does not exist|is not a run folder)\. [^\n]*\n$/,
      args.join(' '),
    );
    assert.doesNotMatch(stderr, /create its folder|CIFAR/, args.join(' '));
  }
  assert.deepEqual(await readdir(folder), []);
  // Reading does not require creating a folder.
  const names = await runCli(['inspect', '--figure', join(absent, 'x.svg')]);
  assert.match(names.stderr, /create its folder first/);
  const table = await runCli(['bench', 'table', '--out', absent]);
  assert.match(table.stderr, /no such file or folder \(ENOENT\)\. Next: check the path\.\n$/);
});

test('missing and surplus arguments are refused', async () => {
  await refused(['eval'], /eval \[options\] <run-or-weights>/);
  await refused(['predict', 'run'], /no image/);
  await refused(['inspect', 'alexnet', 'other'], /too many arguments/, /"other"/);
  await refused(['inspect', '--classes'], /--classes needs a value/);
});

const BAD: Readonly<Record<string, readonly (readonly string[])[]>> = {
  inspect: [
    ['vgg'],
    ['--preset', 'none'],
    ['--classes', '0'],
    ['--classes', '1.5'],
    ['--input', '-224'],
    ['--input', '32'],
  ],
  reproduce: [['vgg'], ['--claim', 'none'], ['--budget', '0m'], ['--budget', 'soon'], ['--runs', '']],
  new: [['Net'], ['../up'], ['alexnet']],
  data: [['svhn'], ['--data', '']],
  doctor: [
    ['--threads', '0'],
    ['--threads', 'all'],
  ],
  'bench train': [
    ['--peer', 'mxnet'],
    ['--peer', 'onnxruntime'],
    ['--peer', 'torchvision'],
    ['--norm', 'batch'],
    ['--batch', '0'],
    ['--rounds', '0'],
    ['--steps', '0'],
    ['--limit', '0'],
    ['--precision', 'float8'],
    ['--peer-mode', 'fast'],
    ['--out', ''],
  ],
  bench: [['speed']],
  'export run': [
    ['--format', 'tflite'],
    ['--out', ''],
  ],
  'eval run': [
    ['--batch-size', '0'],
    ['--eval-limit', '0'],
    ['--dataset', 'svhn'],
    ['--device', 'gpu'],
    ['--threads', '-1'],
    ['--data', ''],
  ],
  'predict run a.png': [
    ['--top', '0'],
    ['--device', 'cuda'],
    ['--threads', '1.5'],
  ],
  train: [
    ['--preset', 'none'],
    ['--dataset', 'svhn'],
    ['--epochs', '0'],
    ['--max-steps', '0'],
    ['--batch-size', '0'],
    ['--batch-size', 'many'],
    ['--lr', '-1'],
    ['--lr', '0'],
    ['--lr', 'NaN'],
    ['--momentum', '1'],
    ['--momentum', '-0.1'],
    ['--weight-decay', '-1'],
    ['--seed', '1.5'],
    ['--threads', '0'],
    ['--device', 'gpu'],
    ['--checkpoint-every', '0'],
    ['--eval-limit', '-5'],
  ],
};

for (const [command, all] of Object.entries(BAD))
  test(`bad values for ${command.split(' ')[0]} are refused`, async () => {
    for (const flags of all) {
      const value = flags.at(-1)!;
      await refused([...command.split(' '), ...flags], ...(value ? [new RegExp(value)] : [/""/]));
    }
  });

test('a generated data set needs no folder', async () => {
  await refused(['data', 'shapes10', '--data', 'x'], /generated by code/);
});

test('expected errors are one paragraph; others include their stack', () => {
  assert.deepEqual(describeError(new UsageError({ what: 'a' })), { code: 2, text: 'error: a.' });
  assert.deepEqual(describeError(new DataError({ what: 'a' })), { code: 1, text: 'error: a.' });
  const debug = describeError(new DataError({ what: 'a', cause: new Error('below') }), true).text;
  assert.match(debug, /^DataError: a\.\n +at .*\ncaused by Error: below\n +at /s);
  const odd = describeError(new TypeError('x is not a function'));
  assert.equal(odd.code, 1);
  assert.match(odd.text, /^error: .*unexpected.*\nTypeError: x is not a function\n +at /);
  assert.deepEqual(describeError('thrown text'), {
    code: 1,
    text: 'error: An unexpected error occurred; this is a bug in Paperweight. Next: report it with the lines below.\nthrown text',
  });
});

test('PAPERWEIGHT_DEBUG=1 adds the stack', async () => {
  const { code, stderr } = await runCli(['inspect', '--classes', '0'], { env: { PAPERWEIGHT_DEBUG: '1' } });
  assert.equal(code, 2);
  assert.match(stderr, /^UsageError: --classes 0 .*\n +at /);
});

test('a command ends quietly when its reader closes', async () => {
  const { code, stderr } = await runCli(['inspect', '--json'], {
    onStart: (child) => child.stdout!.destroy(),
  });
  assert.equal(stderr, '');
  assert.equal(code, 0);
});

test('Ctrl-C ends with 130', async () => {
  const { code, stderr } = await runCli(['data', 'shapes10'], {
    onStart: (child) => child.stdout!.once('data', () => child.kill('SIGINT')),
  });
  assert.equal(code, 130, stderr);
  assert.equal(stderr, '\nInterrupted.\n');
});

test('simultaneous signals count as one Ctrl-C', async () => {
  const module = new URL('../../src/cli/terminal/interrupt.js', import.meta.url).href;
  const script = `
    import { onInterrupt } from ${JSON.stringify(module)};
    onInterrupt((times) => { console.log(times); if (times === 2) process.exit(7); });
    setInterval(() => {}, 1000);
    console.log('ready');`;
  const { code, stdout } = await runNode(['--input-type=module', '-e', script], {
    timeoutMs: 120_000,
    onStart: (child) => {
      const stop = () => child.kill('SIGINT');
      child.stdout!.once('data', () => {
        stop();
        setTimeout(stop, 20);
        // Repeated, since on a busy machine it may arrive together with the ones before.
        const again = setInterval(stop, 700);
        child.once('close', () => clearInterval(again));
      });
    },
  });
  assert.equal(stdout, 'ready\n1\n2\n');
  assert.equal(code, 7);
});
