import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonLines, runCli } from '../support/cli.js';
import { scratch } from '../support/toy.js';

const SMALL = [
  ...['--paper', 'resnet', '--dataset', 'shapes10', '--batch-size', '4', '--eval-limit', '4'],
  ...['--device', 'onednn', '--threads', '1', '--insight-every', '0', '--json'],
];

/** Trains; calls `end` with the process after its second step. */
async function stopped(run: string, end: (child: import('node:child_process').ChildProcess) => void) {
  const result = await runCli(['train', ...SMALL, '--max-steps', '100000', '--run', run], {
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
  const state = JSON.parse(await readFile(join(run, 'state.json'), 'utf8'));
  const metrics = jsonLines(await readFile(join(run, 'metrics.jsonl'), 'utf8'));
  // The last step has a checkpoint.
  assert.equal(Number(/\d+/.exec(state.latest)![0]), metrics.at(-1)!.step, result.stderr);
  assert.equal(JSON.parse(await readFile(join(run, 'process.json'), 'utf8')).status, 'interrupted');
  assert.ok(!existsSync(join(run, 'run.lock')));
  return result;
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
