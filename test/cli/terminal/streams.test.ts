import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runCli, runNode } from '../../support/cli.js';
import { smallDisk } from '../../support/system/disk.js';
import { scratch } from '../../support/toy.js';

/** A file that cannot be written, like one on a full disk. @returns undefined if there is none; the test is then skipped */
function fullDevice(t: TestContext, folder: string): number | undefined {
  const file = join(folder, 'full');
  if (spawnSync('mknod', ['-m', '666', file, 'c', '1', '7']).status !== 0) {
    t.skip('only root makes devices');
    return undefined;
  }
  const fd = openSync(file, 'w');
  t.after(() => closeSync(fd));
  return fd;
}

const SMALL = [
  ...['train', '--paper', 'resnet', '--dataset', 'shapes10', '--batch-size', '4', '--eval-limit', '4'],
  ...['--device', 'onednn', '--threads', '1', '--max-steps', '2'],
];

test('training continues if its output cannot be written, and reports it at the end', async (t) => {
  const folder = await scratch(t);
  const full = fullDevice(t, folder);
  if (full === undefined) return;
  for (const [name, outputs, flags, expected] of [
    ['lines', { stdout: full }, [], 1],
    ['json', { stdout: full }, ['--json'], 1],
    ['both', { stdout: full, stderr: full }, [], 1],
    // Losing messages on standard error is not a failure.
    ['stderr', { stderr: full }, ['--json'], 0],
  ] as const) {
    const run = join(folder, name);
    const { code, stderr } = await runCli([...SMALL, ...flags, '--run', run], { outputs });
    assert.equal(code, expected, `${name}: ${stderr}`);
    assert.ok((await readdir(join(run, 'checkpoints'))).includes('step-00000002.safetensors'), name);
    assert.equal(JSON.parse(await readFile(join(run, 'process.json'), 'utf8')).status, 'done', name);
    if ('stderr' in outputs) continue;
    assert.match(stderr, /^Standard output cannot be written\. Work continues/m);
    assert.match(stderr, /^error: Standard output could not be written.*a full disk \(ENOSPC\).*\.$/m);
    assert.doesNotMatch(stderr, /^ +at /m);
  }
});

test('a command whose result cannot be written has failed', async (t) => {
  const full = fullDevice(t, await scratch(t));
  if (full === undefined) return;
  for (const args of [['--help'], ['--version'], ['inspect'], ['inspect', '--json'], ['data', 'shapes10']]) {
    const { code, stderr } = await runCli(args, { outputs: { stdout: full } });
    assert.equal(code, 1, args.join(' '));
    assert.match(stderr, /^error: Standard output could not be written[^\n]*\n$/, args.join(' '));
  }
  // The command's own error takes precedence.
  const { code, stderr } = await runCli(['inspect', '--classes', '0'], { outputs: { stdout: full } });
  assert.equal(code, 2);
  assert.match(stderr, /^error: --classes 0[^\n]*\n$/);
});

test('output continues when there is space again, on new lines', async (t) => {
  const disk = smallDisk(t, 2 ** 16);
  if (!disk) return;
  const log = join(disk.path, 'log');
  const fd = openSync(log, 'a');
  t.after(() => closeSync(fd));
  const module = new URL('../../../src/cli/terminal/streams.js', import.meta.url).href;
  const script = `
    import { rmSync, writeFileSync } from 'node:fs';
    import { guardStreams, lostOutput } from ${JSON.stringify(module)};
    guardStreams({ onLost: () => process.stderr.write('lost '), onGone: () => {} });
    const line = (i) => process.stdout.write(String(i).repeat(3000) + '\\n');
    line(1);
    const filler = ${JSON.stringify(join(disk.path, 'filler'))};
    try { writeFileSync(filler, Buffer.alloc(2 ** 20)); } catch {}
    // The last page of the log still has space for a part.
    line(2); line(3); line(4);
    rmSync(filler);
    line(5); line(6);
    process.stderr.write(String(lostOutput() !== undefined));`;
  const { code, stderr } = await runNode(['--input-type=module', '-e', script], { outputs: { stdout: fd } });
  assert.deepEqual([code, stderr], [0, 'lost true']);
  const lines = (await readFile(log, 'utf8')).split('\n');
  const whole = lines.filter((line) => line.length === 3000).map((line) => line[0]);
  assert.deepEqual(whole, ['1', '5', '6']);
  assert.equal(lines.length, 5, 'and one that was cut short');
  assert.match(lines[1]!, /^2{1,2999}$/);
});

test('modules behind links are found where they are, also with pipes for streams', async (t) => {
  const folder = await scratch(t);
  await mkdir(join(folder, 'real'));
  await mkdir(join(folder, 'node_modules'));
  await writeFile(join(folder, 'real', 'package.json'), '{ "name": "linked", "exports": "./index.js" }');
  await writeFile(join(folder, 'real', 'index.js'), '');
  await symlink(join(folder, 'real'), join(folder, 'node_modules', 'linked'), 'junction');
  const streams = new URL('../../../src/cli/terminal/streams.js', import.meta.url);
  const script = join(folder, 'script.mjs');
  await writeFile(
    script,
    `import { guardStreams } from '${streams}';
     guardStreams({ onLost() {}, onGone() {} });
     console.log(import.meta.resolve('linked'));`,
  );
  const { stdout } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  assert.equal(stdout.trim(), pathToFileURL(join(await realpath(folder), 'real', 'index.js')).href);
});
