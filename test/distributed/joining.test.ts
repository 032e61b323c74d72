import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { CLI, child, type Ended, launchers, skip, start } from './launch.js';

/** Two programs as ranks 0 and 1. A job that does not end within a minute is killed; its code is then null. */
async function together(
  launcher: (typeof launchers)[number],
  [first, second]: readonly [readonly string[], readonly string[]],
  {
    env = {},
    meanwhile,
  }: { readonly env?: Record<string, string>; readonly meanwhile?: () => Promise<void> } = {},
): Promise<Ended> {
  const job = start(launcher, 1, [...first, ':', '-n', '1', ...second], { env });
  const limit = setTimeout(() => process.kill(-job.pid, 'SIGKILL'), 60_000);
  try {
    await meanwhile?.();
    return await job.ended;
  } finally {
    clearTimeout(limit);
  }
}

/** The process whose arguments end with a text, once it runs for long enough to handle signals. */
async function processOf(text: string): Promise<number> {
  for (;;) {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        if (args.at(-2) === text && args[0] === process.execPath) return Number(pid);
      } catch {
        // It has ended.
      }
    await sleep(50);
  }
}

const { execPath: node } = process;

describe('a rank that does not join the others', { skip: skip || process.platform !== 'linux' }, () => {
  for (const launcher of launchers) {
    const id = `${launcher.name}-${process.pid}`;

    test(`because of wrong usage ends the job (${launcher.name})`, async () => {
      const flags = await together(launcher, [
        [CLI, 'doctor'],
        [node, CLI, 'doctor', '--wrong'],
      ]);
      assert.equal(flags.code, 2, flags.stderr);
      assert.match(flags.stderr, /doctor has no option --wrong/);
      const environment = await together(launcher, [
        [CLI, 'doctor'],
        ['env', 'PAPERWEIGHT_SILENCE_SECONDS=abc', node, CLI, 'doctor'],
      ]);
      assert.equal(environment.code, 2, environment.stderr);
      assert.match(environment.stderr, /PAPERWEIGHT_SILENCE_SECONDS is not a number of seconds/);
    });

    test(`because of an error ends the job (${launcher.name})`, async () => {
      const { code, stderr } = await together(launcher, [
        [child('join'), 'join'],
        [node, child('join'), 'throw'],
      ]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /Error: a fault before joining/);
    });

    test(`while another one is told to end, ends with it (${launcher.name})`, async () => {
      const text = `first-${id}`;
      const { code, stderr } = await together(
        launcher,
        [
          [child('join'), 'cli', text],
          [node, child('join'), 'late', id],
        ],
        {
          meanwhile: async () => {
            const pid = await processOf(text);
            // It has loaded MPI, so it waits for the other.
            while (!/libp?mpi/.test(readFileSync(`/proc/${pid}/maps`, 'utf8'))) await sleep(50);
            process.kill(pid, 'SIGTERM');
          },
        },
      );
      assert.ok(code !== null && code !== 0, stderr);
      assert.match(stderr, /Interrupted\./);
    });

    test(`is named after a limit (${launcher.name})`, async () => {
      const text = `stopped-${id}`;
      const env = { PAPERWEIGHT_JOIN_SECONDS: '4' };
      const stopped = await together(
        launcher,
        [
          [child('join'), 'join'],
          [node, child('join'), 'late', text],
        ],
        { env, meanwhile: async () => void process.kill(await processOf(text), 'SIGSTOP') },
      );
      assert.ok(stopped.code !== null && stopped.code !== 0, stopped.stderr);
      assert.match(
        stopped.stderr,
        /not found each other within 4 s.*2 ranks.*rank 1 is stopped \(process \d+\)/,
      );
    });
  }
});
