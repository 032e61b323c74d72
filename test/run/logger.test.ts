import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { CheckpointError, UsageError } from '../../src/errors/errors.js';
import { Logger } from '../../src/run/logger.js';
import { readSamples } from '../../src/run/sample-files.js';
import { runNode } from '../support/cli.js';
import { scratch } from '../support/toy.js';

const lines = async (folder: string, name: string) =>
  (await readFile(join(folder, `${name}.jsonl`), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('Logger', () => {
  test('writes scalars of a step in one line, distributions, images and messages', async (t) => {
    const folder = join(await scratch(t), 'mine');
    const logger = await Logger.open(folder, { settings: { lr: 0.1 }, steps: 9 });
    logger.scalars({ loss: 2, 'train/accuracy': 50 }, 1);
    logger.scalar('loss', Number.NaN, 2);
    logger.scalar('loss', 1, 2);
    logger.histogram('w', [0, 0, 0.5, 1, Number.NaN, Infinity], 2, { bins: 2 });
    logger.histogram('constant', [3, 3], 2, { bins: 4 });
    logger.histogram('nothing', [], 2);
    logger.log('half');
    await logger.image('a', { shape: [1, 1, 2], data: [0, 1] }, 2);
    await logger.image('b', { shape: [2, 3, 1, 1], data: Uint8Array.of(1, 2, 3, 4, 5, 6) }, 2);
    await logger.close();
    assert.deepEqual(
      (await lines(folder, 'scalars')).map(({ step, values }) => [step, values]),
      [
        [1, { loss: 2, 'train/accuracy': 50 }],
        [2, { loss: null }],
        [2, { loss: 1 }],
      ],
    );
    const histograms = await lines(folder, 'histograms');
    assert.deepEqual(histograms[0], { step: 2, name: 'w', histogram: { min: 0, max: 1, counts: [2, 2] } });
    assert.deepEqual((histograms[1]!.histogram as { counts: number[] }).counts, [2, 0, 0, 0]);
    assert.equal(histograms.length, 2);
    assert.deepEqual(await lines(folder, 'log'), [{ event: 'line', step: 2, text: 'half' }]);
    const { sets } = await readSamples(folder, 2);
    assert.deepEqual([...sets.get('a')!.data], [0, 255]);
    assert.deepEqual(sets.get('b')!.shape, [2, 3, 1, 1]);
    assert.equal(JSON.parse(await readFile(join(folder, 'process.json'), 'utf8')).status, 'done');
    await logger.close();
    assert.throws(() => logger.scalar('loss', 1, 3), UsageError);
  });

  test('scales images, and reports once what is outside of their range', async (t) => {
    const folder = join(await scratch(t), 'mine');
    const logger = await Logger.open(folder);
    const [shape, data] = [
      [1, 1, 3],
      [-1, 0, 1.5],
    ] as const;
    await logger.image('signed', { shape, data, range: [-1.5, 1.5] }, 1);
    await logger.image('auto', { shape, data, range: 'auto' }, 1);
    await logger.image('plain', { shape, data }, 1);
    await logger.image('plain', { shape, data }, 1);
    await logger.close();
    const { sets } = await readSamples(folder, 1);
    assert.deepEqual([...sets.get('signed')!.data], [42, 128, 255]);
    assert.deepEqual([...sets.get('auto')!.data], [0, 102, 255]);
    assert.deepEqual([...sets.get('plain')!.data], [0, 0, 255]);
    const reported = (await lines(folder, 'log')).map(({ text }) => text as string);
    assert.equal(reported.length, 1);
    assert.match(
      reported[0]!,
      /image plain has values from −1 to 1\.5, 67 % outside of 0 to 1.*range: 'auto'/,
    );
  });

  test('draws NaN black, and reports it once', async (t) => {
    const folder = join(await scratch(t), 'mine');
    const logger = await Logger.open(folder);
    const image = { shape: [1, 1, 2], data: [Number.NaN, 1] };
    for (const step of [1, 2]) await logger.image('broken', image, step);
    await logger.close();
    assert.deepEqual([...(await readSamples(folder, 1)).sets.get('broken')!.data], [0, 255]);
    const reported = (await lines(folder, 'log')).map(({ text }) => text);
    assert.deepEqual(reported, ['The image broken has NaN in 1 of 2 values, which are drawn black.']);
  });

  test('refuses what it cannot show', async (t) => {
    const logger = await Logger.open(join(await scratch(t), 'mine'));
    for (const step of [-1, 1.5, Number.NaN, 2 ** 32])
      assert.throws(() => logger.scalar('a', 1, step), UsageError);
    for (const name of ['', 'a\nb', 'x'.repeat(201)])
      assert.throws(() => logger.scalar(name, 1, 1), UsageError);
    for (const shape of [
      [2, 2],
      [2, 1, 1],
      [1, 2, 3],
      [0, 1, 1, 1],
    ])
      assert.throws(() => logger.image('a', { shape, data: [1, 2] }, 1), UsageError);
    for (const range of [[1, 1], [0], 'all', [0, Number.NaN]] as never[])
      assert.throws(
        () => logger.image('a', { shape: [1, 1, 2], data: [0, 1], range }, 1),
        /range of the image a/,
      );
    assert.throws(() => logger.histogram('a', [1], 1, { bins: 0 }), UsageError);
    await logger.close();
  });

  test('never writes into another run, unless it resumes it', async (t) => {
    const folder = join(await scratch(t), 'mine');
    const first = await Logger.open(folder);
    await assert.rejects(Logger.open(folder), UsageError);
    await assert.rejects(
      Logger.open(folder, { resume: true }),
      UsageError,
      'while another process logs there',
    );
    first.scalar('a', 1, 1);
    await first.close(new Error('out of memory'));
    const state = JSON.parse(await readFile(join(folder, 'process.json'), 'utf8'));
    assert.deepEqual([state.status, state.error], ['failed', 'out of memory']);
    const second = await Logger.open(folder, { resume: true });
    second.scalar('a', 2, 2);
    await second.close();
    assert.equal((await lines(folder, 'scalars')).length, 2);
    await assert.rejects(Logger.open('/proc/nowhere'), CheckpointError);
  });

  test('a program that ends without closing has written everything', async (t) => {
    const folder = join(await scratch(t), 'mine');
    const url = new URL('../../src/run/logger.js', import.meta.url);
    const { code, stderr } = await runNode([
      '--input-type=module',
      '-e',
      `const { Logger } = await import(${JSON.stringify(String(url))});
       const logger = await Logger.open(${JSON.stringify(folder)});
       logger.scalar('a', 1, 1);
       process.exit(3);`,
    ]);
    assert.equal(code, 3, stderr);
    assert.equal((await lines(folder, 'scalars')).length, 1);
  });
});

test('settings that JSON has not are refused, and leave nothing behind', async (t) => {
  const folder = join(await scratch(t), 'run');
  await assert.rejects(
    Logger.open(folder, { settings: { seed: 10n } as never }),
    ({ name, message }: Error) => name === 'UsageError' && /settings of Logger\.open.*BigInt/s.test(message),
  );
  assert.ok(!existsSync(folder));
});
