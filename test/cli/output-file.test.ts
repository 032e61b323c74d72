import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { outputName, pathName } from '../../src/cli/options/options.js';
import { checkOutput, type OutputRule } from '../../src/cli/options/output-file.js';
import { PaperweightError } from '../../src/errors/errors.js';
import { runCli } from '../support/cli.js';
import { UNWRITABLE } from '../support/system/disk.js';
import { scratch } from '../support/toy.js';

const FEW = ['--dataset', 'shapes10', '--max-steps', '1', '--batch-size', '1', '--eval-limit', '1'];

/** A command line that must work. */
async function works(...args: readonly string[]) {
  const result = await runCli(args);
  assert.equal(result.code, 0, `${args.join(' ')}\n${result.stderr}`);
  return result;
}

test('the output file is checked before the work starts', async (t) => {
  const folder = await scratch(t);
  const at = (name: string) => join(folder, name);
  await writeFile(at('there.svg'), 'old');
  await mkdir(at('folder.svg'));
  await mkdir(at('run/checkpoints'), { recursive: true });
  await symlink('there.svg', at('link.svg'));
  await symlink('run/state.json', at('into-run.svg'));
  await writeFile(at('run/state.json'), '{}');
  const rule: OutputRule = { flag: '--figure', what: 'a figure', endings: ['.svg', '.png'], force: false };
  const refused = (file: string, words: RegExp, changes: Partial<OutputRule> = {}) =>
    assert.throws(
      () => checkOutput(file, { ...rule, ...changes }),
      (e) => e instanceof PaperweightError && words.test(e.message),
      file,
    );
  for (const name of ['new.svg', 'NEW.SVG', 'new.png', 'new', 'v1.5', '.hidden']) checkOutput(at(name), rule);
  for (const name of ['new.jpg', 'new.svg.gz', 'new.mp4', 'a.b/../new.html'])
    refused(at(name.replace('a.b/../', '')), /--figure .* ends in \.svg or \.png/);
  refused(at('there.svg'), /already exists.* 3 bytes.*--force/);
  refused(at('link.svg'), /already exists/);
  checkOutput(at('there.svg'), { ...rule, force: true });
  refused(at('folder.svg'), /a folder where a file should be/, { force: true });
  refused(at('absent/new.svg'), /no such file or folder/);
  if (UNWRITABLE) refused(join(UNWRITABLE, 'new.svg'), /cannot write --figure/);
  const force = { force: true };
  refused(at('there.svg'), /the input itself/, { ...force, inputs: [at('there.svg')] });
  refused(at('link.svg'), /the input itself/, { ...force, inputs: [at('there.svg')] });
  for (const file of ['into-run.svg', 'run/checkpoints/a.svg'])
    refused(at(file), /a file of the run/, { ...force, inputs: [at('run')] });
  checkOutput(at('run/figure.svg'), { ...rule, inputs: [at('run')] });
});

test('every command with an output keeps existing files and refuses other things in its place', async (t) => {
  const folder = await scratch(t);
  const at = (name: string) => join(folder, name);
  const run = at('run');
  await works('train', '--preset', 'four-layer', '--image-size', '32', ...FEW, '--run', run);
  const small = ['--device', 'reference', '--images', '0'];
  const commands: readonly (readonly [string, string, readonly string[]])[] = [
    ['.onnx', '--out', ['export', run, '--format', 'onnx']],
    ['.pth', '--out', ['export', run, '--format', 'pth']],
    ['.safetensors', '--out', ['export', run, '--format', 'safetensors']],
    ['.html', '--out', ['report', run, ...small]],
    ['.svg', '--figure', ['inspect', '--preset', 'four-layer', '--input', '32']],
    ['.png', '--figure', ['inspect', '--preset', 'four-layer', '--input', '32']],
  ];
  const hasDevices = spawnSync('mknod', ['-m', '666', at('null'), 'c', '1', '3']).status === 0;
  for (const [i, [ending, flag, args]] of commands.entries()) {
    const file = at(`file${i}${ending}`);
    await writeFile(file, 'old');
    const refused = await runCli([...args, flag, file]);
    assert.equal(refused.code, 2, `${args.join(' ')}\n${refused.stderr}`);
    assert.match(refused.stderr, /already exists.*--force/);
    assert.equal(await readFile(file, 'utf8'), 'old');
    const link = at(`link${i}${ending}`);
    await symlink(file, link);
    await works(...args, flag, link, '--force');
    assert.ok((await lstat(link)).isSymbolicLink());
    assert.ok((await lstat(file)).size > 100);
    if (!hasDevices) continue;
    await works(...args, flag, at('null'));
    assert.ok((await lstat(at('null'))).isCharacterDevice(), args.join(' '));
  }
  assert.equal((await readFile(at('file5.png'))).subarray(1, 4).toString(), 'PNG');
  // Endings of another format.
  for (const args of [
    ['export', run, '--out', at('x.bin')],
    ['export', run, '--format', 'safetensors', '--out', at('x.onnx')],
    ['report', run, ...small, '--out', at('x.pdf')],
    ['inspect', '--figure', at('x.jpg')],
    ['bench', 'train', '--trace', at('x.txt')],
  ]) {
    const { code, stderr } = await runCli(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /a name that ends in/);
    assert.ok(!existsSync(args.at(-1)!));
  }
  // The default page in the run's folder is replaced; existing figures are not.
  const figures = ['report', run, ...small, '--figures', at('figures')];
  await works(...figures);
  assert.match((await runCli(figures)).stderr, /figures\/.* already exists/);
  await works(...figures, '--force');
  assert.ok((await readdir(at('figures'))).every((name) => /\.(svg|png)$/.test(name)));
});

test('"-" is standard output for a file, and refused for a folder', () => {
  assert.equal(outputName('--out', '/')('-'), '/dev/stdout');
  for (const name of ['./-', '-.svg', 'a']) assert.equal(outputName('--out', '/')(name), name);
  for (const parse of [pathName('--run'), outputName('--out', '\\')])
    assert.throws(() => parse('-'), /name of a file or folder; \.\/- is one called "-"/);
});

test('standard output as the output file gets only the file', {
  skip: process.platform !== 'linux',
}, async (t) => {
  const folder = await scratch(t);
  for (const name of ['/dev/stdout', '-']) {
    const args = ['inspect', '--input', '224', '--figure', name];
    const { code, stdout, stderr } = await runCli(args, { cwd: folder });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^<svg[\s\S]*<\/svg>\s*$/);
    assert.match(stderr, /^AlexNet, preset notes/m);
  }
  assert.deepEqual(await readdir(folder), [], 'no file of the name "-"');
  const kernels = join(await scratch(t), 'null');
  if (spawnSync('mknod', ['-m', '666', kernels, 'c', '1', '3']).status !== 0) return;
  const env = { PAPERWEIGHT_KERNELS: kernels };
  await runCli(['bench', 'train', '--batch', '1', '--rounds', '1', '--steps', '1', '--peer', 'none'], {
    env,
  });
  assert.ok((await lstat(kernels)).isCharacterDevice());
});
