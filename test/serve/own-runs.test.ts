import assert from 'node:assert/strict';
import { appendFile, mkdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Message } from '../../src/files/protobuf.js';
import {
  histogram,
  image,
  record,
  restartEvent,
  scalar,
  settings,
  summaryEvent,
  versionEvent,
} from '../../src/report/tensorboard/event.js';
import { Logger } from '../../src/run/logger.js';
import { ask, call, jsonl, openDashboard } from './support.js';

const runOf = async (dashboard: { port: number }, id: string) =>
  (await call(dashboard, 'GET /api/runs')).body.find((run) => run.id === id);
const curve = async (dashboard: { port: number }, id: string, name: string) =>
  (await call(dashboard, 'GET /api/curves', { query: { runs: [encodeURIComponent(id)], name } })).body[0]!
    .curve;

describe('a user program', () => {
  test('appears in the list and with all its curves, while it logs', async (t) => {
    const { root, dashboard } = await openDashboard(t);
    const logger = await Logger.open(join(root, 'mine'), {
      settings: { lr: 0.5, net: { width: 8 } },
      steps: 10,
    });
    logger.scalars({ loss: 2, lr: 0.5, 'valid/f1': 0.25 }, 1);
    logger.scalar('loss', Number.NaN, 2);
    logger.scalar('loss', 1, 3);
    logger.histogram('w', [1, 2, 3], 3);
    await logger.image('x', { shape: [1, 2, 2], data: [0, 1, 0, 1] }, 3);
    logger.flush();
    const run = await runOf(dashboard, 'mine');
    assert.deepEqual(
      [run?.kind, run?.status, run?.step, run?.stepsTotal, run?.lastLoss],
      ['program', 'training', 3, 10, 1],
    );
    assert.deepEqual(run?.figures, { loss: 1, lr: 0.5, 'valid/f1': 0.25 });
    const names = (await call(dashboard, 'GET /api/metrics', { query: { runs: ['mine'] } })).body;
    assert.deepEqual([...names].sort(), ['loss', 'lr', 'valid/f1']);
    assert.deepEqual(await curve(dashboard, 'mine', 'loss'), {
      step: [1, 2, 3],
      mean: [2, null, 1],
      min: [2, null, 1],
      max: [2, null, 1],
      gaps: [2],
    });
    const params = { id: 'mine' };
    const { body: settings } = await call(dashboard, 'GET /api/settings');
    assert.equal(settings.equal['settings.net.width'], 8);
    const { body: clock } = await call(dashboard, 'GET /api/runs/:id/clock', { params });
    assert.deepEqual(clock.step, [1, 2, 3]);
    assert.equal((await call(dashboard, 'GET /api/runs/:id/histograms', { params })).body[0]?.name, 'w');
    assert.deepEqual((await call(dashboard, 'GET /api/runs/:id/samples', { params })).body, [3]);
    assert.equal((await call(dashboard, 'GET /api/runs/:id', { params })).body.step, 3);
    logger.scalar('loss', 0.5, 4);
    await logger.close();
    assert.equal((await curve(dashboard, 'mine', 'loss'))?.mean.at(-1), 0.5);
    assert.equal((await runOf(dashboard, 'mine'))?.status, 'done');
  });

  test('lines that are not valid are skipped, and a rewritten file is read again', async (t) => {
    const { root, dashboard } = await openDashboard(t);
    const folder = join(root, 'odd');
    await mkdir(folder);
    await writeFile(join(folder, 'config.json'), JSON.stringify({ program: '<b>x</b>' }));
    const file = join(folder, 'scalars.jsonl');
    const good = (step: number, value: number) => ({ step, time: 1e12 + step, values: { a: value } });
    await writeFile(
      file,
      `${jsonl([good(1, 1)])}nonsense\n{"step":-1,"values":{"a":9}}\n{"step":2,"values":null}\n{"step":2,"values":{"a":"x","__proto__":3}}\n${'x'.repeat(600_000)}\n${jsonl([good(3, 3)])}{"step":4,`,
    );
    assert.deepEqual((await curve(dashboard, 'odd', 'a'))?.step, [1, 3]);
    await appendFile(file, '"time":5,"values":{"a":4}}\n');
    assert.deepEqual((await curve(dashboard, 'odd', 'a'))?.step, [1, 3, 4]);
    await truncate(file, 0);
    await appendFile(file, jsonl([good(9, 9)]));
    assert.deepEqual((await curve(dashboard, 'odd', 'a'))?.step, [9]);
  });
});

/** A scalar as TensorFlow 2 writes it: a tensor with the name of its plugin. */
const tensorEvent = (step: number, tag: string, value: number): Uint8Array =>
  summaryEvent(2000 + step, step, [
    (summary) =>
      summary.message(
        1,
        new Message()
          .string(1, tag)
          .message(9, new Message().message(1, new Message().string(1, 'scalars')))
          .message(
            8,
            new Message()
              .int(1, 1)
              .message(2, new Message())
              .bytes(4, new Uint8Array(new Float32Array([value]).buffer)),
          ),
      ),
  ]);

describe('TensorBoard event files', () => {
  const events = (...all: readonly Uint8Array[]): Buffer => Buffer.concat(all.map(record));

  test('in subfolders have a training loss under any of its names', async (t) => {
    const { root, dashboard } = await openDashboard(t);
    for (const [id, parts] of Object.entries({
      parts: { train: 'loss', validation: 'loss' },
      keras: { eval: 'epoch_loss', train: 'epoch_loss' },
      held: { validation: 'loss' },
    }))
      for (const [i, [part, name]] of Object.entries(parts).entries()) {
        await mkdir(join(root, id, part), { recursive: true });
        const value = part === 'train' ? 1 : 5;
        await writeFile(
          join(root, id, part, `events.out.tfevents.0000002000.host.${i}`),
          events(versionEvent(2000), summaryEvent(2001, 1, [scalar(name, value)])),
        );
      }
    for (const id of ['parts', 'keras']) {
      assert.deepEqual((await curve(dashboard, id, 'loss'))?.mean, [1], id);
      assert.equal((await runOf(dashboard, id))?.lastLoss, 1, id);
    }
    assert.equal(await curve(dashboard, 'held', 'loss'), undefined, 'a validation loss is not one');
    assert.equal((await runOf(dashboard, 'held'))?.lastLoss, undefined);
  });

  test('that are something else are a failed run with the time of the file', async (t) => {
    const { root, dashboard } = await openDashboard(t);
    for (const [id, bytes] of [
      ['junk', Buffer.alloc(500, 0x37)],
      ['short', Buffer.from('junk')],
    ] as const) {
      await mkdir(join(root, id));
      const file = join(root, id, 'events.out.tfevents.1.host');
      await writeFile(file, bytes);
      const at = new Date('2026-03-04T05:06:07Z');
      await utimes(file, at, at);
      const run = await runOf(dashboard, id);
      assert.equal(run?.status, 'failed', id);
      assert.match(run?.error ?? '', /events\.out\.tfevents\.1\.host is not an event file of TensorBoard/);
      assert.equal(run?.started, at.toISOString());
      const { body } = await call(dashboard, 'GET /api/runs/:id', { params: { id } });
      assert.equal(body.status, 'failed');
    }
  });

  test('are a run, with the parts of its subfolders, and grow live', async (t) => {
    const { root, dashboard } = await openDashboard(t);
    const folder = join(root, 'keras');
    await mkdir(join(folder, 'validation'), { recursive: true });
    const file = join(folder, 'events.out.tfevents.0000002000.host.1');
    const pixels = { width: 2, height: 1, rgb: new Uint8Array(6) };
    await writeFile(
      file,
      events(
        versionEvent(2000),
        summaryEvent(2000, 0, [settings({ lr: 0.5, optimizer: '<b>adam', nesterov: false })]),
        summaryEvent(2001, 1, [scalar('loss', 2), scalar('odd\u0007name', 1)]),
        summaryEvent(2002, 2, [
          scalar('loss', Number.NaN),
          image('kernels', pixels),
          histogram('w', { min: 0, max: 4, counts: [1, 0, 3, 4] }, { mean: 1, std: 1 }),
        ]),
        tensorEvent(3, 'loss', 0.5),
      ),
    );
    await writeFile(
      join(folder, 'validation', 'events.out.tfevents.0000002000.host.2.v2'),
      events(tensorEvent(2, 'loss', 7)),
    );
    const run = await runOf(dashboard, 'keras');
    assert.deepEqual([run?.kind, run?.status, run?.step, run?.lastLoss], ['tensorboard', 'done', 3, 0.5]);
    assert.equal(run?.started, new Date(2_000_000).toISOString());
    assert.deepEqual((await curve(dashboard, 'keras', 'loss'))?.mean, [2, null, 0.5]);
    assert.deepEqual((await curve(dashboard, 'keras', 'validation/loss'))?.mean, [7]);
    assert.deepEqual((await curve(dashboard, 'keras', 'odd name'))?.mean, [1]);
    const params = { id: 'keras' };
    const { body: images } = await call(dashboard, 'GET /api/runs/:id/images', { params });
    assert.deepEqual(images, [{ name: 'kernels', step: 2, index: 0 }]);
    const picture = await ask(dashboard, '/api/runs/keras/images/0');
    assert.deepEqual([picture.status, picture.headers['content-type']], [200, 'image/png']);
    assert.equal((await ask(dashboard, '/api/runs/keras/images/1')).status, 404);
    const [bars] = (await call(dashboard, 'GET /api/runs/:id/histograms', { params })).body;
    assert.equal(
      bars!.histogram.counts.reduce((a, b) => a + b),
      8,
    );
    const page = await call(dashboard, 'GET /api/runs/:id', { params });
    const chosen = { lr: 0.5, optimizer: '<b>adam', nesterov: false };
    assert.deepEqual([page.status, page.body.config], [200, chosen]);
    assert.deepEqual((await call(dashboard, 'GET /api/settings')).body.equal, chosen);
    // An event that is being written is read when it is complete.
    const next = events(summaryEvent(2004, 4, [scalar('loss', 0.25)]));
    await appendFile(file, next.subarray(0, 20));
    assert.equal((await curve(dashboard, 'keras', 'loss'))?.step.length, 3);
    await appendFile(file, next.subarray(20));
    assert.equal((await curve(dashboard, 'keras', 'loss'))?.mean.at(-1), 0.25);
    // Started again from step 3 in another file.
    await writeFile(
      join(folder, 'events.out.tfevents.0000003000.host.3'),
      events(versionEvent(3000), restartEvent(3000, 3), summaryEvent(3001, 3, [scalar('loss', 9)])),
    );
    assert.deepEqual((await curve(dashboard, 'keras', 'loss'))?.mean, [2, null, 9]);
  });

  test('damaged ones show their valid part, and never crash the server', async (t) => {
    const { root, dashboard } = await openDashboard(t);
    const whole = events(
      versionEvent(1),
      summaryEvent(1, 1, [scalar('a', 1)]),
      summaryEvent(2, 2, [scalar('a', 2)]),
    );
    const cases: Record<string, Uint8Array> = {
      empty: new Uint8Array(),
      text: Buffer.from('not an event file at all, but long enough for a header'),
      cut: whole.subarray(0, whole.length - 3),
      length: Buffer.concat([whole, Buffer.from('ffffffffffffff7f00000000', 'hex')]),
      crc: Buffer.from(whole).fill(1, whole.length - 2),
      fields: Buffer.concat([
        whole,
        record(Uint8Array.of(0xff, 0xff, 0xff)),
        record(Uint8Array.of(42, 3, 10, 200, 1)),
      ]),
      step: events(summaryEvent(1, -5, [scalar('a', 1)]), summaryEvent(1, 2 ** 40, [scalar('a', 1)])),
    };
    for (const [name, bytes] of Object.entries(cases)) {
      await mkdir(join(root, name));
      await writeFile(join(root, name, 'x.tfevents.1'), bytes);
    }
    const listed = (await call(dashboard, 'GET /api/runs')).body;
    assert.deepEqual(listed.map(({ id }) => id).sort(), Object.keys(cases).sort());
    for (const [name, values] of [
      ['cut', [1]],
      ['length', [1, 2]],
      ['crc', [1]],
      ['fields', [1, 2]],
    ] as const)
      assert.deepEqual((await curve(dashboard, name, 'a'))?.mean, values, name);
    for (const name of ['empty', 'text', 'step']) assert.equal(await curve(dashboard, name, 'a'), undefined);
    assert.ok((await readFile(join(root, 'text', 'x.tfevents.1'))).length > 0);
  });
});
