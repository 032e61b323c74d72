import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { resultSchema } from '../../src/bench/result.js';
import { jsonLines, runCli } from '../support/cli.js';

const folderFor = async (t: { after(fn: () => Promise<void>): void }): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
};

test('a step is measured, saved and profiled', async (t) => {
  const folder = await folderFor(t);
  const trace = join(folder, 'trace.json');
  const out = join(folder, 'results');
  const args = 'bench train --batch 1 --rounds 2 --steps 1 --threads 2 --peer none --json --save'.split(' ');
  const { code, stdout, stderr } = await runCli([...args, '--out', out, '--trace', trace, '--profile']);
  assert.equal(code, 0, stderr);
  const [line] = jsonLines(stdout);
  const result = resultSchema.parse(line);
  assert.ok(result.what === 'train' && result.batch === 1 && result.spread.samples === 2);
  assert.ok(Math.abs(result.gflops * result.secondsPerStep - result.gflopPerImage) < 1e-9);
  assert.match(stderr, /features\.0 \(Conv2d\) +conv2d/);
  const [file] = await readdir(out);
  assert.deepEqual(JSON.parse(await readFile(join(out, file!), 'utf8')), line);
  const events = (JSON.parse(await readFile(trace, 'utf8')) as { traceEvents: { name: string }[] })
    .traceEvents;
  assert.ok(events.some((e) => e.name.includes('conv2dGradWeight')));
  const table = await runCli(['bench', 'table', '--out', out]);
  assert.match(table.stdout, /^\| A training step, batch 1, with LRN \|/m);
});

test('a missing peer ends with exit code 3 before anything is measured', async (t) => {
  const folder = await folderFor(t);
  const env = { PAPERWEIGHT_PEERS: folder };
  const { code, stdout, stderr } = await runCli(['bench', 'infer', '--peer', 'onnxruntime'], { env });
  assert.equal(code, 3, stderr);
  assert.equal(stdout, '');
  assert.match(
    stderr,
    /^error: The peer onnxruntime is not installed\..*npm install --ignore-scripts --prefix .*\n$/,
  );
});

test('the step of the small network is split into primitives and overhead', async () => {
  const { code, stdout, stderr } = await runCli(['bench', 'step-overhead', '--steps', '40', '--json']);
  assert.equal(code, 0, stderr);
  const result = resultSchema.parse(jsonLines(stdout)[0]);
  assert.ok(result.what === 'step-overhead');
  assert.equal(result.stepMs.samples, 2, 'turns of 20 steps');
  assert.equal(result.primitivesMs.samples, 2);
});

for (const what of ['infer --peer none', 'start', 'scale'])
  test(`bench ${what} refuses a batch that no memory holds`, async () => {
    const args = `bench ${what} --batch 65536 --device reference --limit 20`.split(' ');
    const { code, stderr } = await runCli(args);
    assert.equal(code, 2, stderr);
    assert.match(
      stderr,
      /--batch 65536 does not fit in memory\. Expected at most \d+ images of \[3, 224, 224\]/,
    );
  });

test('bench guard refuses a device whose plans it does not compare', async () => {
  const { code, stderr } = await runCli(['bench', 'guard', '--device', 'wasm']);
  assert.equal(code, 2);
  assert.match(stderr, /plans of one device\. Expected --device onednn, or no --device; got wasm/);
});

test('without oneDNN, bench guard does not advise a device that it does not take', async () => {
  const env = { PAPERWEIGHT_ONEDNN: '/nowhere/libdnnl.so' };
  const { code, stderr } = await runCli(['bench', 'guard'], { env });
  assert.notEqual(code, 0);
  assert.match(stderr, /oneDNN library.*is not installed.*PAPERWEIGHT_ONEDNN/s);
  assert.doesNotMatch(stderr, /--device/);
});
