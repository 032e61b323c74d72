import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('../../support/children/products.js', import.meta.url));

describe('signals during products of the library', () => {
  for (const threads of [1, 2])
    it(`do not end the process: ${threads} threads`, {
      skip: process.platform === 'win32' && 'there are no such signals on Windows',
    }, async () => {
      const child = spawn(process.execPath, [CHILD, String(threads)], { stdio: 'pipe' });
      let errors = '';
      child.stderr.on('data', (text) => {
        errors += text;
      });
      const [line] = await once(child.stdout, 'data');
      const signals = String(line).trim().split(' ') as NodeJS.Signals[];
      // The system gives a signal to another thread than the main one only while that has not taken the one before.
      const sending = setInterval(() => {
        for (const signal of signals) child.kill(signal);
      }, 1);
      const ended = once(child, 'exit');
      await Promise.race([once(child.stdout, 'data'), ended]);
      clearInterval(sending);
      child.stdin.end();
      assert.deepEqual(await ended, [0, null], errors);
    });
});
