import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readResults, resultFile, resultSchema, saveResult } from '../../src/bench/result.js';
import { newest, speedTable, withTable } from '../../src/bench/table.js';
import { resultText } from '../../src/cli/bench/view.js';
import { UsageError } from '../../src/errors/errors.js';
import { data, gpu, impossible, overhead, start, step } from './results.js';

test('files are named after the measurement', () => {
  assert.equal(resultFile(step), 'train-128-lrn-2t-pytorch-2.15.0-eager-2026-11-24.json');
  assert.equal(
    resultFile({ ...step, precision: 'bfloat16' }),
    'train-128-lrn-bfloat16-2t-pytorch-2.15.0-eager-2026-11-24.json',
  );
  assert.equal(resultFile(start), 'start-2026-11-24.json');
});

test('results are read back unchanged, and other files are refused', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'paperweight-test-'));
  t.after(() => rm(folder, { recursive: true }));
  const all = [data, gpu, overhead, start, step, impossible];
  for (const result of all) await saveResult(folder, result);
  assert.equal((await readdir(folder)).length, all.length);
  const back = await readResults(folder);
  const byFile = (a: object, b: object) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
  assert.deepEqual([...back].sort(byFile), [...all].sort(byFile));
  // The folder may also contain other measurements.
  await writeFile(join(folder, 'other.json'), '{"what":"reliability-kill","runs":23}');
  await writeFile(join(folder, 'soak.json'), '{"minutes":121}');
  assert.equal((await readResults(folder)).length, all.length);
  for (const text of ['{"what":"train"', '[]']) {
    await writeFile(join(folder, 'broken.json'), text);
    await assert.rejects(
      readResults(folder),
      (e) => e instanceof UsageError && /broken\.json/.test(e.message),
    );
  }
  await rm(join(folder, 'broken.json'));
  await assert.rejects(readResults(join(folder, 'absent')), (e) => e instanceof UsageError);
  await writeFile(join(folder, 'x.json'), '{"what":"train","batch":"many"}');
  await assert.rejects(readResults(folder), (e) => e instanceof UsageError && /x\.json/.test(e.message));
});

test('an incomplete result is refused', () => {
  for (const part of ['secondsPerStep', 'spread', 'machine', 'sgemmGflops', 'peakRssMiB']) {
    const { [part as 'spread']: _, ...rest } = step;
    assert.ok(!resultSchema.safeParse(rest).success, part);
  }
});

test('the table has the latest result of each kind, in English and in Chinese', () => {
  const later = { ...step, date: '2026-11-25T00:00:00.000Z', secondsPerStep: 1.5 };
  assert.deepEqual(newest([later, step]), [later]);
  assert.equal(
    newest([step, impossible, start, data])
      .map((r) => r.what)
      .join(),
    'train,train,data,start',
  );
  const table = speedTable([step, later, impossible, data, start, overhead], 'en').split('\n');
  assert.match(
    table[0]!,
    /^\| What \| Paperweight \| Number type \| Peer \| Peer’s number type \| Ratio \|$/,
  );
  assert.ok(
    table.includes(
      '| A training step, batch 128, with LRN | **1.50 s** (1.00 s–3.00 s); 64 images/s, 421 GFLOP/s (sgemm: 300) | float32 | PyTorch 2.15.0 (eager): 5.00 s (4.00 s–6.00 s) | float32 | 2.50 times as long |',
    ),
    table.join('\n'),
  );
  assert.ok(table.some((row) => row.includes('tfjs wasm: impossible')));
  assert.ok(table.every((row) => row.split('|').length === 8));
  const chinese = speedTable([step, impossible, data, start, overhead], 'zh');
  assert.equal(chinese.split('\n').length, table.length);
  assert.match(chinese, /一步训练，批大小 128，含 LRN .* 2\.50 倍的时间/);
});

test('the table has the number types of both sides', () => {
  const row = (mode: string) => {
    const peer = { ...(step.peer as object), mode } as typeof step.peer;
    const result = { ...step, precision: 'bfloat16', ...(peer ? { peer } : {}) };
    const cells = speedTable([result], 'en').split('\n')[2]!.split(' | ');
    return [cells[2], cells[4]];
  };
  assert.deepEqual(row('channels-last'), ['bfloat16', 'float32']);
  assert.deepEqual(row('bf16-channels-last'), ['bfloat16', 'bfloat16']);
});

test('a peer that ran with a smaller batch is reported', () => {
  const peer = { ...(step.peer as object), measuredBatch: 1 } as typeof step.peer;
  const scaled = { ...step, ...(peer ? { peer } : {}) };
  assert.match(speedTable([scaled], 'en'), /eager, measured at batch 1 and scaled/);
  assert.match(resultText(scaled).join('\n'), /ran with batch 1; its times are scaled to 128/);
});

test('docs/speed.md and its Chinese version have the table of the results in this repository', async () => {
  const root = new URL('../../../', import.meta.url);
  const results = await readResults(fileURLToPath(new URL('bench/results', root)));
  for (const [file, language] of [
    ['docs/speed.md', 'en'],
    ['docs/speed.zh.md', 'zh'],
  ] as const) {
    const text = await readFile(new URL(file, root), 'utf8');
    assert.equal(withTable(text, speedTable(results, language)), text, `${file}: bench table --update`);
  }
});

test('the table replaces the text between its markers', () => {
  const text = 'before\n<!-- speed: written by "paperweight bench table" -->\nold\n<!-- /speed -->\nafter\n';
  const once = withTable(text, '| new |')!;
  assert.match(once, /^before\n<!-- speed: .* -->\n\n\| new \|\n\n<!-- \/speed -->\nafter\n$/);
  assert.equal(withTable(once, '| new |'), once, 'the same again');
  assert.equal(withTable('no markers', '| new |'), undefined);
});

test('results as text have ratios, rates and reasons for missing values', () => {
  const text = resultText(step).join('\n');
  assert.match(text, /Ratio 2\.50 \(per round 2\.50, 2\.00–4\.00\)/);
  assert.match(text, /sgemm in the same rounds: 300 GFLOP\/s; Paperweight reaches 140 % of it\./);
  assert.match(resultText(impossible).join('\n'), /tfjs \(wasm\): not possible\. no Conv2DBackpropFilter/);
  assert.match(resultText(start).join('\n'), /The second step compiled nothing\./);
  assert.match(resultText({ ...start, plansAfterSecond: 2 }).join('\n'), /compiled 1 plan\./);
  const card = resultText(gpu).join('\n');
  assert.match(card, /^a card\n/);
  assert.match(card, /a net, batch 32 {2,}1,230 ms/);
  assert.match(card, /tfjs-webgpu {2,}3,090 ms +2\.50/);
  assert.match(card, /pytorch cuda {2,}not measured: The peer pytorch is not installed/);
  assert.deepEqual(speedTable([gpu], 'en').split('\n').length, 2);
  assert.match(resultText(overhead).join('\n'), /Overhead beyond the primitives: 0\.80 ms/);
  assert.match(resultText(data).join('\n'), /plain +100000 +0\.06 %/);
});
