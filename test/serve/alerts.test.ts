import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { onEvent, variable } from '../../src/cli/on-event.js';
import { DivergedError } from '../../src/errors/errors.js';
import { startTimeOf, writeProcess } from '../../src/run/process-file.js';
import type { RunAlert, RunSummary } from '../../src/serve/api.js';
import { AlertWatch, isDiverged } from '../../src/serve/runs/alerts.js';
import { scratch } from '../support/toy.js';
import { Listener, makeRun, openDashboard } from './support.js';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const run = (change: Partial<RunSummary>): RunSummary => ({
  id: 'a',
  name: 'A',
  tags: [],
  status: 'training',
  paper: '',
  preset: '',
  recipe: '',
  dataset: '',
  seed: 0,
  started: new Date(NOW).toISOString(),
  updated: new Date(NOW).toISOString(),
  step: 5,
  stepsTotal: 9,
  epoch: 1,
  epochs: 1,
  spark: [],
  ...change,
});

test('an end, a failure, a stall and a divergence are reported once each', () => {
  const watch = new AlertWatch();
  const kinds = (change: Partial<RunSummary>, later = 0) =>
    watch.look([run(change)], NOW + later).map(({ kind }) => kind);
  assert.deepEqual(kinds({ status: 'failed' }), [], 'what was before the start is not news');
  assert.deepEqual(kinds({}), []);
  assert.deepEqual(kinds({}, 299_000), []);
  assert.deepEqual(kinds({}, 301_000), ['stalled']);
  assert.deepEqual(kinds({}, 302_000), []);
  assert.deepEqual(kinds({ updated: new Date(NOW + 303_000).toISOString() }, 304_000), []);
  assert.deepEqual(kinds({}, 305_000), ['stalled'], 'again, after it went on');
  assert.deepEqual(kinds({ figures: { stepSeconds: 60 } }, 400_000), []);
  assert.deepEqual(kinds({ diverged: true }), ['diverged']);
  assert.deepEqual(kinds({ diverged: true }), []);
  assert.deepEqual(kinds({ status: 'paused' }, 9e9), [], 'a pause is no stall');
  assert.deepEqual(kinds({ status: 'done' }), ['done']);
  assert.deepEqual(kinds({ status: 'done' }), []);
  assert.deepEqual(kinds({ status: 'training' }), []);
  assert.deepEqual(kinds({ status: 'failed', error: 'NaN' }), ['failed']);
  assert.deepEqual(kinds({ status: 'training' }), []);
  assert.deepEqual(kinds({ status: 'failed', diverged: true }), ['diverged', 'failed']);
  assert.deepEqual(kinds({ status: 'failed', diverged: true }), []);
  assert.deepEqual(watch.look([], NOW), []);
  assert.deepEqual(watch.look([run({ id: 'new', status: 'done' })], NOW), []);
});

test('a loss diverges if it is not a number, or far above where it began', () => {
  const falling = [2.3, 2, 1.8, 1.5, 1.2, 1, 0.9, 0.8];
  assert.ok(!isDiverged(falling, false) && isDiverged(falling, true));
  assert.ok(!isDiverged([...falling, 2.2], false), 'as high as at the start');
  assert.ok(isDiverged([...falling, 30], false));
  assert.ok(isDiverged([2.3, 2.4, 2.6, 3, 3.5, 4, 5, 8], false));
  assert.ok(!isDiverged([2.3, 40], false), 'a single high value at the start');
  assert.ok(!isDiverged([], false));
});

test('alerts reach the caller and the clients of the list', async (t) => {
  const alerts: RunAlert[] = [];
  const { root, dashboard } = await openDashboard(t, { onAlert: (alert) => alerts.push(alert) });
  const state = (status: string) =>
    startTimeOf(process.pid).then((startTime) =>
      JSON.stringify({
        pid: process.pid,
        startTime,
        status,
        ...(status === 'failed' ? { error: 'full' } : {}),
      }),
    );
  const folder = await makeRun(root, 'mine', { files: { 'process.json': await state('training') } });
  const listener = new Listener(dashboard, 'GET /api/events', {});
  t.after(() => listener.close());
  await listener.until(() => listener.of('run').length > 0, 'the run');
  await writeFile(join(folder, 'process.json'), await state('failed'));
  await listener.until(() => listener.of('alert').length > 0, 'the alert');
  assert.deepEqual(alerts, [
    { event: 'alert', kind: 'failed', id: 'mine', name: 'mine', step: 10, error: 'full' },
  ]);
  assert.deepEqual(listener.of('alert')[0]?.data, alerts[0]);
});

test('a run that stops because it diverged is reported as diverged, and as failed', async (t) => {
  const alerts: RunAlert[] = [];
  const { root, dashboard } = await openDashboard(t, { onAlert: (alert) => alerts.push(alert) });
  const folder = await makeRun(root, 'mine');
  await writeProcess(folder, 'training');
  const listener = new Listener(dashboard, 'GET /api/events', {});
  t.after(() => listener.close());
  await listener.until(() => listener.of('run').length > 0, 'the run');
  await writeProcess(folder, 'failed', new DivergedError({ what: 'Training diverged at step 2' }));
  await listener.until(() => alerts.length >= 2, 'the alerts');
  assert.deepEqual(
    alerts.map(({ kind }) => kind),
    ['diverged', 'failed'],
  );
});

test('the command of --on-event gets facts in variables, and cannot be changed by them', async (t) => {
  const folder = await scratch(t);
  const out = join(folder, 'out');
  const notes: string[] = [];
  const tell = onEvent(
    `printf '%s|%s|%s|%s\\n' "$PAPERWEIGHT_EVENT" "$PAPERWEIGHT_RUN_NAME" "$PAPERWEIGHT_RUN_PATH" "$PAPERWEIGHT_ERROR" >> '${out}'; [ "$PAPERWEIGHT_EVENT" = done ] || { echo oh no >&2; exit 3; }`,
    folder,
    (text) => notes.push(text),
  );
  const name = `$(touch ${join(folder, 'hacked')}); "x" 'y'\n`;
  const alert: RunAlert = { event: 'alert', kind: 'done', id: 'a', name, step: 1, error: 'a\u0000b' };
  for (let i = 0; i < 6; i++) tell({ ...alert, id: `a${i}` });
  tell({ ...alert, kind: 'failed', id: 'last' });
  for (let i = 0; i < 1200 && notes.length === 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(notes, ['--on-event failed for last (failed): oh no']);
  const text = await readFile(out, 'utf8');
  assert.equal(text.split(`done|${name}|${folder}/a0|ab\n`).length, 2);
  assert.equal(text.match(/\|ab$/gm)?.length, 7);
  await assert.rejects(readFile(join(folder, 'hacked')));
});

test('on Windows free text cannot end the quotes or the line in which cmd.exe reads it', () => {
  assert.equal(variable('a" & del x\r\n\0b\tc', 'win32'), "a' & del x b c");
  assert.equal(variable('a" & b\n\0c', 'linux'), 'a" & b\nc');
});
