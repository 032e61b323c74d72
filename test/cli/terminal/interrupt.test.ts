import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runNode } from '../../support/cli.js';

test('a reader and its terminal that close one after the other count as one signal', async () => {
  const module = new URL('../../../src/cli/terminal/interrupt.js', import.meta.url).href;
  const script = `
    import { hangUp, interruptCode, onInterrupt } from ${JSON.stringify(module)};
    onInterrupt((times) => console.log('stop', times, interruptCode()));
    onInterrupt((times) => console.log('serve', times), { reader: false });
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    hangUp(); hangUp();
    await wait(400);
    process.emit('SIGHUP', 'SIGHUP');
    await wait(400);
    process.emit('SIGINT', 'SIGINT');`;
  const { stdout, stderr } = await runNode(['--input-type=module', '-e', script]);
  assert.equal(stdout, 'stop 1 129\nserve 1\nstop 2 130\nserve 2\n', stderr);
});

test('Ctrl-Break ends a training on Windows as Ctrl-C does', async () => {
  const module = new URL('../../../src/cli/terminal/interrupt.js', import.meta.url).href;
  const script = `
    import { interruptCode, onInterrupt } from ${JSON.stringify(module)};
    onInterrupt((times) => console.log('stop', times, interruptCode()));
    process.emit('SIGBREAK', 'SIGBREAK');`;
  const { stdout, stderr } = await runNode(['--input-type=module', '-e', script]);
  assert.equal(stdout, process.platform === 'win32' ? 'stop 1 149\n' : '', stderr);
});
