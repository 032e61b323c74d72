import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { epochLine, makeRun, steps } from '../serve/support.js';
import { jsonLines, runCli } from '../support/cli.js';
import { scratch, toyConfig } from '../support/toy.js';

test('runs: filter, order, columns, JSON, and clear errors', async (t) => {
  const root = await scratch(t);
  const config = (change: object) => ({ ...toyConfig({ maxSteps: 1000 }), ...change });
  await makeRun(root, 'slow', { config: config({ lr: 0.001 }), metrics: steps(1, 4) });
  await makeRun(root, 'fast', { config: config({ lr: 0.1 }), metrics: [...steps(1, 8), epochLine(1, 8)] });
  await makeRun(root, 'odd', {
    config: config({ lr: 0.5 }),
    files: { 'label.json': JSON.stringify({ name: 'odd\u001b[31m' }) },
  });
  await writeFile(join(root, 'fast', 'label.json'), JSON.stringify({ tags: ['good'], note: 'keep' }));
  const table = await runCli([
    'runs',
    root,
    '--filter',
    'lr<=0.1',
    '--sort',
    'lr',
    '--columns',
    'name,lr,accuracy,step',
  ]);
  assert.equal(table.code, 0, table.stderr);
  assert.deepEqual(
    table.stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/\s+/)),
    [
      ['name', 'lr', 'accuracy', 'step'],
      ['slow', '0.001', '4'],
      ['fast', '0.1', '41', '8'],
    ],
  );
  const descending = await runCli(['runs', root, '--sort=-lr', '--json']);
  const lines = jsonLines(descending.stdout);
  assert.deepEqual(
    lines.map(({ id }) => id),
    ['odd', 'fast', 'slow'],
  );
  assert.equal((lines[1]!.settings as Record<string, unknown>).lr, 0.1);
  assert.deepEqual([lines[1]!.tags, lines[1]!.note], [['good'], 'keep']);
  await makeRun(root, 'line\nbreak', { config: config({}) });
  const empty = await runCli(['runs', join(root, 'no\nwhere')]);
  assert.match(empty.stderr, /^There are no runs in .*no\\nwhere\.$/m);
  const all = await runCli(['runs', root]);
  assert.match(all.stdout, /^line\\nbreak +training/m);
  assert.ok(!all.stdout.includes('\u001b'), 'a name cannot control the terminal');
  for (const [args, words] of [
    [['--sort', 'accurcy'], /"accurcy".*did you mean accuracy/is],
    [['--columns', 'name,nothing'], /"nothing"/],
    [['--filter', 'nothing>3'], /"nothing"/],
  ] as const) {
    const wrong = await runCli(['runs', root, ...args]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, words);
  }
  for (const [filter, words] of [
    ['lr>=abc', /a number to compare lr with.*"abc"/s],
    ['>=', /a name, an operator and a value/],
    ['lr < 0.1', /without spaces between them/],
    ['"unclosed', /quotation mark/],
  ] as const) {
    const wrong = await runCli(['runs', root, '--filter', filter]);
    assert.deepEqual([wrong.code, wrong.stdout], [2, ''], filter);
    assert.match(wrong.stderr, words);
  }
  const upper = await runCli([
    'runs',
    root,
    '--filter',
    'LR=0.1 STATUS:training',
    '--columns',
    'Name,LR',
    '--json',
  ]);
  assert.deepEqual(jsonLines(upper.stdout), [{ name: 'fast', lr: 0.1 }]);
  const none = await runCli(['runs', join(root, 'none')]);
  assert.deepEqual([none.code, none.stdout], [0, '']);
  assert.match(none.stderr, /There are no runs in/);
});

test('runs of papers that measure something else than the accuracy: the best value of their metric', async (t) => {
  const root = await scratch(t);
  const own = { ...toyConfig({ maxSteps: 1000 }) };
  // The loss rises, as that of a discriminator may.
  const metrics = steps(1, 40).map((line) => ({ ...line, loss: 1 + 10 * line.step, metrics: { d: 1 } }));
  const best = { file: 'best-40.safetensors', metric: 'mse', value: 0.012345 };
  await makeRun(root, 'gan', {
    config: own,
    metrics,
    files: { 'state.json': JSON.stringify({ version: 1, best }) },
  });
  const { testAccuracy: _, trainAccuracy: __, ...unmeasured } = epochLine(1, 40);
  await makeRun(root, 'unmeasured', { config: own, metrics: [...metrics, unmeasured] });
  await makeRun(root, 'begun', { config: own, metrics });
  const nothing = metrics.map((line) => ({ ...line, metrics: {} }));
  await makeRun(root, 'without metrics', { config: own, metrics: nothing });
  const falls = metrics.map(({ metrics: ___, ...line }) => line);
  await makeRun(root, 'classifier', { config: own, metrics: falls });
  const table = await runCli(['runs', root, '--sort', 'name']);
  assert.equal(table.code, 0, table.stderr);
  assert.match(table.stdout, /^name +status +step +best +loss/);
  assert.match(table.stdout, /^gan .* mse 0\.01235 /m);
  const { stdout } = await runCli(['runs', root, '--sort', 'name', '--json']);
  assert.deepEqual(
    jsonLines(stdout).map(({ id, diverged }) => [id, diverged]),
    [
      ['begun', undefined],
      ['classifier', true],
      ['gan', undefined],
      ['unmeasured', undefined],
      ['without metrics', undefined],
    ],
  );
});
