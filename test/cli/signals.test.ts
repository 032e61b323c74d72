import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CliResult, jsonLines, runCli } from '../support/cli.js';
import { onWine } from '../support/system/wine.js';
import { scratch } from '../support/toy.js';

const CONSOLE = fileURLToPath(new URL('../support/children/console.js', import.meta.url));
const SMALL = [
  ...['--paper', 'resnet', '--dataset', 'shapes10', '--batch-size', '4', '--eval-limit', '4'],
  ...['--device', 'onednn', '--threads', '1', '--insight-every', '0', '--json'],
];

const trainIn = (run: string) => ['train', ...SMALL, '--max-steps', '100000', '--run', run];

/** Trains; calls `end` with the process after its second step. */
async function stopped(run: string, end: (child: import('node:child_process').ChildProcess) => void) {
  const result = await runCli(trainIn(run), {
    timeoutMs: 120_000,
    onStart: (child) => {
      let seen = '';
      const look = (text: string) => {
        seen += text;
        if (!seen.includes('"step":2,')) return;
        child.stdout!.off('data', look);
        end(child);
      };
      child.stdout!.on('data', look);
    },
  });
  await assertInterrupted(run, result);
  return result;
}

/** Asserts that a training has ended with a checkpoint of its last step. */
async function assertInterrupted(run: string, result: CliResult): Promise<void> {
  const ended = `exit code ${result.code}, after ${result.stdout.slice(-500)}\n${result.stderr}`;
  assert.ok(existsSync(join(run, 'state.json')), `no checkpoint: ${ended}`);
  const state = JSON.parse(await readFile(join(run, 'state.json'), 'utf8'));
  const metrics = jsonLines(await readFile(join(run, 'metrics.jsonl'), 'utf8'));
  assert.equal(Number(/\d+/.exec(state.latest)![0]), metrics.at(-1)!.step, ended);
  assert.equal(JSON.parse(await readFile(join(run, 'process.json'), 'utf8')).status, 'interrupted');
  assert.ok(!existsSync(join(run, 'run.lock')));
}

test('SIGTERM and SIGHUP end a training like Ctrl-C, with a checkpoint and their own exit codes', {
  skip: process.platform === 'win32' && 'Windows ends a process by such a signal at once',
}, async (t) => {
  const root = await scratch(t);
  for (const [signal, expected] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    const { code, stderr } = await stopped(join(root, signal), (child) => child.kill(signal));
    assert.equal(code, expected, stderr);
    assert.match(stderr, /Stopping after this step, with a checkpoint/);
    assert.match(stderr, /Interrupted after step \d+\. Continue with: .*--resume --run/);
  }
  // The run continues with its original number of threads.
  const run = join(root, 'SIGTERM');
  const { latest } = JSON.parse(await readFile(join(run, 'state.json'), 'utf8'));
  const step = Number(/\d+/.exec(latest)![0]);
  const flags = ['--resume', '--run', run, '--max-steps', String(step + 1), '--device', 'onednn'];
  const { code, stderr } = await runCli(['train', ...flags]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, new RegExp(`^Resuming after step ${step}\\.$`, 'm'));
  assert.match(stderr, /^Device: onednn .*, 1 thread,/m);
  assert.doesNotMatch(stderr, /was computed by/);
});

for (const [key, expected, skip] of [
  ['Ctrl-C', 130, false],
  ['Ctrl-Break', 149, onWine('GenerateConsoleCtrlEvent has no Ctrl-Break')],
] as const)
  test(`${key} in a console of Windows ends a training with a checkpoint`, {
    skip: process.platform === 'win32' ? skip : 'other systems have signals',
  }, async (t) => {
    const run = join(await scratch(t), 'run');
    // A console of its own, without a window.
    const child = spawn(process.execPath, [CONSOLE, key, ...trainIn(run)], { windowsHide: true });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    await once(child, 'close');
    const result = JSON.parse(stdout || assert.fail(stderr)) as CliResult;
    assert.equal(result.code, expected, result.stderr);
    assert.match(result.stderr, /Stopping after this step, with a checkpoint/);
    assert.match(result.stderr, /Continue with: .*--resume --run/);
    await assertInterrupted(run, result);
  });

test('if the reader of the output closes, training stops with a checkpoint, not as finished', async (t) => {
  const root = await scratch(t);
  const { code, stderr } = await stopped(join(root, 'run'), (child) => child.stdout!.destroy());
  assert.equal(code, 129, stderr);
  assert.match(stderr, /Continue with: .*--resume --run/);
  // As in `train 2>&1 | head`, where the last messages have no reader either.
  const both = await stopped(join(root, 'both'), (child) => {
    child.stdout!.destroy();
    child.stderr!.destroy();
  });
  assert.equal(both.code, 129);
});

test('a command writes its file even if the reader of its output has gone', async (t) => {
  const out = join(await scratch(t), 'net.svg');
  const { code } = await runCli(['inspect', '--input', '224', '--figure', out], {
    onStart: (child) => {
      child.stdout!.destroy();
      child.stderr!.destroy();
    },
  });
  assert.deepEqual([code, existsSync(out)], [0, true]);
});
