import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { type Consumer, node, npm, ROOT } from './consumer.js';

/** Versions of the two checkers; they are fetched for the test alone, since they bring 60 packages (39 MB). */
const CHECKERS = ['publint@0.3.25', '@arethetypeswrong/cli@0.18.5'];

export function commandTests(consumer: () => Consumer): void {
  const paperweight = (args: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const { folder } = consumer();
    return node([path.join(folder, 'node_modules/.bin/paperweight'), ...args], { cwd: folder, env });
  };

  test('the installed command prints its version and its commands', async () => {
    const { version } = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
    assert.equal((await paperweight(['--version'])).stdout.trim(), version);
    const help = await paperweight(['--help']);
    assert.equal(help.code, 0);
    for (const word of ['train', 'predict', 'doctor'])
      assert.match(help.stdout, new RegExp(`^ +${word}\\b`, 'm'));
  });

  test('without oneDNN the installed command says so, says how to install it, and uses wasm', async () => {
    const env = { PAPERWEIGHT_ONEDNN: path.join(ROOT, 'there-is-no-such-library') };
    const { code, stdout, stderr } = await paperweight(['doctor', '--json'], env);
    assert.equal(code, 0, stderr);
    const found = JSON.parse(stdout);
    assert.equal(found.device, 'wasm');
    assert.match(found.why, /oneDNN library.* is not installed.*Next: /);
    assert.ok(found.install.length > 0);
  });

  test('without oneDNN a program is warned, and runs', async () => {
    const { folder } = consumer();
    const env = { PAPERWEIGHT_ONEDNN: path.join(ROOT, 'there-is-no-such-library') };
    const code = `import { device } from 'paperweight';
      const best = await device.best();
      console.log(best.name);
      await best.close();`;
    const {
      code: exit,
      stdout,
      stderr,
    } = await node(['--input-type=module', '-e', code], { cwd: folder, env });
    assert.equal(exit, 0, stderr);
    assert.equal(stdout.trim(), 'wasm');
    assert.match(
      stderr,
      /PaperweightWarning: Paperweight computes with the device wasm .*, since onednn, which is faster, does not work here\. .*Next: /,
    );
  });

  test('publint and arethetypeswrong find nothing', async (t) => {
    const { folder, sources, offline } = consumer();
    const tools = path.join(path.dirname(folder), 'checkers');
    const flags = ['--prefix', tools, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
    const installed = offline ? undefined : await npm(['install', ...CHECKERS, ...flags], folder);
    if (installed?.code !== 0) return t.skip(`${CHECKERS.join(' and ')} could not be installed`);
    const bin = path.join(tools, 'node_modules/.bin');
    const lint = await node([path.join(bin, 'publint'), 'run', '.', '--strict', '--pack', 'npm'], {
      cwd: sources,
    });
    assert.equal(lint.code, 0, lint.stdout + lint.stderr);
    const archive = path.join(path.dirname(folder), 'paperweight-0.1.0.tgz');
    const types = await node([path.join(bin, 'attw'), archive, '--profile', 'esm-only'], { cwd: folder });
    assert.equal(types.code, 0, types.stdout + types.stderr);
  });

  test('packages are installed without running their scripts', (t) => {
    const { offline } = consumer();
    if (offline) t.skip(offline);
    // That `npm ci --ignore-scripts` has made a project that compiles and packs is what made this package.
  });
}
