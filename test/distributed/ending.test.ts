import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { child, launchers, runChild, skip } from './launch.js';

/** Runs `children/stuck.ts`; it is killed after a minute, and its code is then null. */
async function stuck(...args: readonly string[]) {
  const program = spawn(process.execPath, [child('stuck'), ...args], {
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<number | null>((resolve) => program.on('close', resolve));
  const [stdout, stderr] = await Promise.all([text(program.stdout), text(program.stderr)]);
  return { code: await ended, stdout, stderr };
}

const NOTE =
  /^note: rank 1 of 2 \(host\): MPI_Finalize has not returned within \d+ s\. All ranks have finished/;

describe('a rank whose MPI never returns', { skip: process.platform === 'win32' }, () => {
  test('from finalizing ends with the exit code of its program', async () => {
    const { code, stdout, stderr } = await stuck('close');
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'closed\n');
    assert.match(stderr, NOTE);
    assert.equal((await stuck('close', '5')).code, 5);
  });

  test('from finalizing prints an error of its program', async () => {
    const { code, stderr } = await stuck('close', 'throw');
    assert.equal(code, 1, stderr);
    assert.match(stderr, /error: rank 1 of 2 \(host\): Error: a fault of the program/);
  });

  test('from ending the job ends with the code of the error', async () => {
    const { code, stderr } = await stuck('fail');
    assert.equal(code, 3, stderr);
    assert.match(stderr, /^rank 1 of 2 \(host\): a fault$/m);
  });

  test('from ending the job after process.exit() ends, not with code 0', async () => {
    assert.equal((await stuck('exit', '0')).code, 1);
  });

  test('from joining the others ends with a message', async () => {
    const { code, stderr } = await stuck('silent');
    assert.equal(code, 1, stderr);
    assert.match(stderr, /The ranks have not found each other within \d+ s.*2 ranks that join/s);
  });
});

test('ranks that end at different times after their last exchange end with code 0', { skip }, async () => {
  for (const launcher of launchers) {
    const { code, stderr } = await runChild(launcher, 3, 'late');
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
  }
});

test('an error of all ranks is printed once, also by a slow rank 0', { skip }, async () => {
  for (const launcher of launchers) {
    const { code, stderr } = await runChild(launcher, 2, 'say');
    assert.equal(code, 3, stderr);
    assert.equal(stderr.match(/^a fault$/gm)?.length, 1, stderr);
  }
});
