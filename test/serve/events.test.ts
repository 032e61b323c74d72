import assert from 'node:assert/strict';
import { appendFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { addLines, ask, epochLine, Listener, makeRun, openDashboard, stepLine, steps } from './support.js';

const EVENTS = 'GET /api/runs/:id/events';
const RUN = { params: { id: 'run' } };
const after = (line: number) => ({ ...RUN, query: { after: line } });

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('a stream has each line after its start, once', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const run = await makeRun(root, 'run', { metrics: [...steps(1, 5), epochLine(1, 5)] });
  const listener = new Listener(dashboard, EVENTS, after(3));
  t.after(() => listener.close());
  await listener.until(() => listener.of('epoch').length === 1);
  assert.equal(listener.events[0]!.event, 'status');
  assert.deepEqual(listener.steps, [4, 5]);
  for (let step = 6; step <= 40; step++) await addLines(run, [stepLine(step)]);
  await listener.until(() => listener.steps.at(-1) === 40);
  assert.deepEqual(listener.steps, range(4, 40));
  assert.deepEqual(
    listener.of('step').map(({ id }) => Number.parseInt(id!, 10)),
    [4, 5, ...range(7, 41)],
  );
  assert.deepEqual(listener.of('step').at(-1)!.data, stepLine(40));
  const late = new Listener(dashboard, EVENTS, RUN);
  t.after(() => late.close());
  await late.until(() => late.events.length > 0);
  await addLines(run, [stepLine(41)]);
  await late.until(() => late.steps.length > 0);
  assert.deepEqual(late.steps, [41]);
});

test('a reconnecting client continues where it stopped', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const run = await makeRun(root, 'run', { metrics: steps(1, 2000) });
  const seen: number[] = [];
  let id = '';
  for (const last of [2000, 2003, 2003, 2050]) {
    if (last > 2000) await addLines(run, steps((seen.at(-1) ?? 0) + 1, last));
    const listener = new Listener(dashboard, EVENTS, after(0), id ? { 'Last-Event-ID': id } : {});
    await listener.until(() => listener.events.length > 0 && (listener.steps.at(-1) ?? seen.at(-1)) === last);
    listener.close();
    seen.push(...listener.steps);
    id = listener.steps.length > 0 ? listener.lastId : id;
  }
  assert.deepEqual(seen, range(1, 2050));
});

test('a run that is rewound tells current and later clients', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const run = await makeRun(root, 'run', { metrics: steps(1, 20) });
  const file = join(run, 'metrics.jsonl');
  const listener = new Listener(dashboard, EVENTS, after(0));
  t.after(() => listener.close());
  await listener.until(() => listener.steps.length === 20);
  const id = listener.lastId;
  await truncate(file, 0);
  await addLines(run, steps(1, 10));
  await listener.until(() => listener.of('reset').length > 0 && listener.steps.length === 30);
  assert.deepEqual(listener.of('reset')[0]!.data, { event: 'reset', step: 0 });
  await addLines(
    run,
    Array.from({ length: 15 }, (_, i) => stepLine(11 + i, { loss: 9 })),
  );
  await listener.until(() => listener.steps.at(-1) === 25);
  const since = listener.events.slice(listener.events.findIndex(({ event }) => event === 'reset'));
  assert.deepEqual(
    since.flatMap(({ data }) => (data.event === 'step' ? [data.step] : [])),
    range(1, 25),
  );

  // Line 20 is now another line.
  const late = new Listener(dashboard, EVENTS, RUN, { 'Last-Event-ID': id });
  t.after(() => late.close());
  await late.until(() => late.steps.at(-1) === 25);
  assert.equal(late.of('reset').length, 1);
  assert.deepEqual(late.steps, range(1, 25));
  const ahead = new Listener(dashboard, EVENTS, after(99));
  t.after(() => ahead.close());
  await ahead.until(() => ahead.steps.at(-1) === 25);
  assert.equal(ahead.of('reset').length, 1);
});

test('the stream includes log, insights and status', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const presence = { pid: process.pid, startTime: '', status: 'training' };
  const run = await makeRun(root, 'run', {
    files: {
      'process.json': JSON.stringify(presence),
      'log.jsonl': '{"event":"line","step":1,"text":"old"}\n',
    },
  });
  const listener = new Listener(dashboard, EVENTS, RUN);
  t.after(() => listener.close());
  await listener.until(() => listener.events.length === 1);
  assert.deepEqual(listener.events[0]!.data, { event: 'status', status: 'training' });
  await appendFile(join(run, 'log.jsonl'), 'broken\n{"event":"note","step":2,"text":"new"}\n');
  const insight = { event: 'insight', step: 100, parameters: [], activations: [] };
  await appendFile(join(run, 'insights.jsonl'), `{"event":"insight"}\n${JSON.stringify(insight)}\n`);
  await writeFile(join(run, 'next.json'), JSON.stringify({ ...presence, status: 'failed', error: 'why' }));
  await rename(join(run, 'next.json'), join(run, 'process.json'));
  await listener.until(() => listener.events.length >= 4);
  assert.deepEqual(
    listener.events.slice(1).map(({ data }) => data),
    [
      { event: 'note', step: 2, text: 'new' },
      { event: 'insight', step: 100 },
      { event: 'status', status: 'failed', error: 'why' },
    ],
  );
});

test('the list reports new, changed and removed runs', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const run = await makeRun(root, 'a');
  const listener = new Listener(dashboard, 'GET /api/events', {});
  t.after(() => listener.close());
  const ids = (event: 'run' | 'gone') =>
    listener.of(event).map(({ data }) => (data.event === 'run' ? data.run.id : data.id));
  await listener.until(() => listener.events.length === 1);
  assert.deepEqual(ids('run'), ['a']);
  await makeRun(root, 'b');
  await listener.until(() => ids('run').includes('b'));
  await addLines(run, [stepLine(11, { loss: 0.5 })]);
  await listener.until(() => ids('run').filter((id) => id === 'a').length === 2);
  assert.equal(listener.of('run').at(-1)!.data.run.lastLoss, 0.5);
  await rm(run, { recursive: true });
  await listener.until(() => ids('gone').includes('a'));
});

test('a client that does not read is disconnected, and gets the rest when it reconnects', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  const run = await makeRun(root, 'run', { metrics: steps(1, 1) });
  const socket = connect(dashboard.port, '127.0.0.1');
  socket.write('GET /api/runs/run/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n');
  let text = '';
  const first = new Promise<void>((resolve) => {
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      if (text.includes('"step":1,')) resolve();
    });
  });
  await first;
  socket.pause();
  // More than the buffers of two sockets hold.
  const total = 100_000;
  await addLines(run, steps(2, total));
  const other = new Listener(dashboard, EVENTS, after(total - 1));
  t.after(() => other.close());
  await other.until(() => other.steps.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.on('error', () => {}).resume();
  await closed;
  const got = text.match(/^id: .*$/gm)!;
  assert.ok(got.length < total, `${got.length} lines`);
  // The last event that it received may be incomplete.
  const id = got.at(-2)!.slice(4);
  const again = new Listener(dashboard, EVENTS, RUN, { 'Last-Event-ID': id });
  t.after(() => again.close());
  await again.until(() => again.steps.at(-1) === total, 'the last line');
  assert.deepEqual(again.steps, range(Number.parseInt(id, 10) + 1, total));
});

test('the server stops while streams are open', async (t) => {
  const { dashboard, root } = await openDashboard(t);
  await makeRun(root, 'run');
  const listener = new Listener(dashboard, EVENTS, RUN);
  await listener.until(() => listener.events.length > 0);
  await dashboard.close();
  await listener.closed;
  await assert.rejects(ask(dashboard, '/api/runs'));
});
