import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { imageRules } from '../../src/data/images/rules.js';
import { recipes } from '../../src/papers/alexnet/recipe.js';
import { partsOf } from '../../src/papers/paper.js';
import { type CliOptions, type CliResult, jsonLines, runCli } from '../support/cli.js';
import { readEvents } from '../support/event-files.js';
import { UNWRITABLE } from '../support/system/disk.js';
import { scratch } from '../support/toy.js';

const RECORD = 3073;
const LONG = { timeoutMs: 300_000 };

let root: string;
let remove: () => unknown;
before(async () => {
  root = await scratch({ after: (body) => void (remove = body as () => unknown) });
});
after(() => remove());

const train = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  runCli(['train', '--device', 'onednn', ...args], { cwd: root, ...LONG, ...options });

/** Sends a signal as soon as the process has printed something on a stream. */
function when(child: ChildProcess, stream: 'stdout' | 'stderr', text: string, body: () => void): void {
  let seen = '';
  const look = (chunk: unknown): void => {
    seen += String(chunk);
    if (!seen.includes(text)) return;
    child[stream]!.off('data', look);
    body();
  };
  child[stream]!.on('data', look);
}

/** The command must fail with this code, one clear paragraph and nothing on standard output. */
function refused({ code, stdout, stderr }: CliResult, expected: number, ...words: RegExp[]): void {
  assert.equal(code, expected, stderr);
  assert.equal(stdout, '');
  const errors = stderr.split('\n').filter((line) => line.startsWith('error: '));
  assert.equal(errors.length, 1, stderr);
  assert.ok(stderr.endsWith(`${errors[0]}\n`), stderr);
  assert.match(errors[0]!, /^error: .+\. Expected .+; got .+\. Next: .+\.$/);
  assert.doesNotMatch(stderr, /unexpected|\n {4}at /);
  for (const word of words) assert.match(errors[0]!, word);
}

const fields = (line: object | undefined): string[] => Object.keys(line ?? {});
const STEP = [
  'event',
  'epoch',
  'step',
  'loss',
  'lr',
  'imagesPerSecond',
  'stepSeconds',
  'dataSeconds',
  'rssMiB',
];

// One run of AlexNet serves all of these: each start of it costs seconds, and each checkpoint half a gigabyte.
describe('a run: interrupted, resumed, evaluated, used', () => {
  let run: string;
  before(() => {
    run = join(root, 'run');
  });
  const state = async (): Promise<{ latest: string; best?: { file: string; accuracy: number } }> =>
    JSON.parse(await readFile(join(run, 'state.json'), 'utf8'));
  const steps = (lines: readonly Record<string, unknown>[]) =>
    lines.filter(({ event }) => event === 'step').map(({ step }) => step);
  let first: number;

  test('Ctrl-C ends it after the current step, with a checkpoint', async () => {
    const { code, stdout, stderr } = await train(
      [
        '--dataset',
        'shapes10',
        '--batch-size',
        '4',
        '--max-steps',
        '6',
        '--eval-limit',
        '8',
        '--json',
      ].concat(['--run', run, '--seed', '3', '--log-dir', join(root, 'board')]),
      { onStart: (child) => when(child, 'stdout', '"step":2', () => child.kill('SIGINT')) },
    );
    assert.equal(code, 130, stderr);
    const lines = jsonLines(stdout);
    first = lines.length;
    assert.ok(first >= 2 && first < 6, stdout);
    assert.deepEqual(
      steps(lines),
      lines.map((_, i) => i + 1),
    );
    for (const line of lines) assert.deepEqual(fields(line), STEP);
    assert.match(stderr, /Stopping after this step, with a checkpoint\. Ctrl-C again ends at once\./);
    assert.ok(
      stderr.endsWith(
        `Interrupted after step ${first}. Continue with: paperweight train --resume --run ${run} --device onednn\n`,
      ),
      stderr,
    );
    assert.equal((await state()).latest, `step-0000000${first}.safetensors`);
    assert.deepEqual(await readdir(join(run, 'checkpoints')), [(await state()).latest]);
  });

  test('resumed, it finishes with its result', async () => {
    const { code, stdout, stderr } = await train([
      '--resume',
      '--run',
      run,
      '--json',
      '--log-dir',
      join(root, 'board'),
    ]);
    assert.equal(code, 0, stderr);
    const lines = jsonLines(stdout);
    assert.deepEqual(
      steps(lines),
      [1, 2, 3, 4, 5, 6].filter((step) => step > first),
    );
    for (const line of lines.slice(0, -2)) {
      assert.deepEqual(fields(line), STEP);
      assert.ok(Math.abs(Number(line.loss) - Math.log(10)) < 0.1, `${line.loss}`);
      assert.ok(Math.abs(Number(line.imagesPerSecond) * Number(line.stepSeconds) - 4) < 1e-6);
    }
    const [epoch, done] = lines.slice(-2);
    assert.deepEqual(fields(epoch).slice(0, 3), ['event', 'epoch', 'step']);
    assert.equal(epoch!.event, 'epoch');
    assert.equal(epoch!.testImages, 8);
    assert.deepEqual(done, {
      event: 'done',
      run,
      testAccuracy: epoch!.testAccuracy,
      testTop5: epoch!.testTop5,
    });
    // Messages are only on standard error.
    assert.match(stderr, /^Device: onednn/m);
    assert.match(stderr, new RegExp(`^Resuming after step ${first}\\.$`, 'm'));
    assert.match(stderr, /^Finished Training$/m);
    const sample = 'a random sample of 8 of the 2,000 test images, spread over the classes';
    assert.match(stderr, new RegExp(`^Accuracy on test set: ${done!.testAccuracy}% \\(${sample}\\)$`, 'm'));
    assert.match(stderr, new RegExp(`^Evaluated on ${sample}, of shapes10, not used for training\\.$`, 'm'));
  });

  test('TensorBoard files have each step once, across processes', async () => {
    const folder = join(root, 'board', 'run');
    const names = (await readdir(folder)).sort();
    const [before, after] = await Promise.all(
      names.map(async (name) => readEvents(await readFile(join(folder, name)))),
    );
    assert.equal(names.length, 2);
    const restart = after!.find(({ start }) => start)!;
    assert.equal(restart.step, first + 1);
    const losses = [...before!.filter(({ step }) => step < restart.step), ...after!].flatMap((event) =>
      'train/loss' in event.scalars ? event.step : [],
    );
    assert.deepEqual(losses, [1, 2, 3, 4, 5, 6]);
    assert.ok(before!.some(({ images }) => 'kernels' in images));
    const ended = JSON.parse(await readFile(join(run, 'process.json'), 'utf8'));
    assert.equal(ended.status, 'done');
  });

  test('the folder has all files of a run', async () => {
    assert.deepEqual((await readdir(run)).sort(), [
      'checkpoints',
      'config.json',
      'curve.svg',
      'data.json',
      'insights.jsonl',
      'kernels',
      'log.jsonl',
      'machine.jsonl',
      'metrics.jsonl',
      'process.json',
      'state.json',
    ]);
    const { latest, best } = await state();
    assert.equal(latest, 'step-00000006.safetensors');
    assert.deepEqual(
      (await readdir(join(run, 'checkpoints'))).sort(),
      [best!.file, `step-0000000${first}.safetensors`, latest].sort(),
    );
    const config = JSON.parse(await readFile(join(run, 'config.json'), 'utf8'));
    const { machine, model, paperweight_checksum: checksum, ...rest } = config;
    assert.match(checksum, /^paperweight-sha256:[0-9a-f]{64}$/);
    const { training: notes } = partsOf(recipes.notes);
    assert.deepEqual(rest, {
      ...notes,
      version: 1,
      recipe: 'notes',
      dataset: 'shapes10',
      batchSize: 4,
      maxSteps: 6,
      evalLimit: 8,
      seed: 3,
    });
    assert.equal(model.classes.length, 10);
    assert.equal(machine.device.engine, 'onednn');
    const metrics = jsonLines(await readFile(join(run, 'metrics.jsonl'), 'utf8'));
    assert.deepEqual(steps(metrics), [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(
      metrics.slice(6).map(({ event }) => event),
      ['epoch', 'done'],
    );
    assert.match(await readFile(join(run, 'curve.svg'), 'utf8'), /^<svg/);
  });

  test('eval gives the same numbers for the run and for its weights', async () => {
    const { best } = await state();
    const flags = ['--eval-limit', '8', '--batch-size', '4', '--device', 'onednn', '--json'];
    const own = await runCli(['eval', run, ...flags], LONG);
    assert.equal(own.code, 0, own.stderr);
    const [figures, ...rest] = jsonLines(own.stdout);
    assert.deepEqual(rest, []);
    assert.deepEqual(fields(figures), ['accuracy', 'top5', 'loss', 'images', 'sampled', 'total']);
    assert.equal(figures!.accuracy, best!.accuracy);
    assert.equal(figures!.images, 8);
    const file = join(run, 'checkpoints', best!.file);
    const bare = await runCli(['eval', file, '--dataset', 'shapes10', ...flags], LONG);
    assert.equal(bare.code, 0, bare.stderr);
    assert.deepEqual(jsonLines(bare.stdout), [figures]);
  });

  test('predict prints the run’s class names', async () => {
    const image = join(root, 'image.png');
    await sharp({ create: { width: 50, height: 40, channels: 3, background: '#c03020' } })
      .png()
      .toFile(image);
    const { code, stdout, stderr } = await runCli(
      ['predict', run, image, '--json', '--device', 'onednn'],
      LONG,
    );
    assert.equal(code, 0, stderr);
    const [{ top, ...rest }] = jsonLines(stdout) as [{ top: { label: string; probability: number }[] }];
    assert.deepEqual(rest, { image });
    assert.equal(top.length, 5);
    const { model } = JSON.parse(await readFile(join(run, 'config.json'), 'utf8'));
    for (const { label, probability } of top) {
      assert.ok(model.classes.includes(label), label);
      assert.ok(probability > 0 && probability < 1);
    }
  });

  test('a resumed run keeps its recipe', async () => {
    const again = ['--resume', '--run', run];
    refused(await train([...again, '--lr', '0.5']), 2, /--lr cannot change.*Expected 0\.01.*got 0\.5/);
    refused(await train([...again, '--preset', 'quick']), 2, /--preset cannot change/);
    refused(await train([...again, '--batch-size', '8']), 2, /--batch-size cannot change/);
    assert.equal(JSON.parse(await readFile(join(run, 'config.json'), 'utf8')).lr, 0.01);
  });

  test('a new run does not overwrite it', async () => {
    const before = await readFile(join(run, 'config.json'), 'utf8');
    const result = await train(['--dataset', 'shapes10', '--run', run]);
    refused(result, 2, /There is a run in .* already/, /--resume --run/);
    // Before anything is opened, which can take long.
    refused(await train(['--data', join(run, 'nowhere'), '--run', run]), 2, /There is a run in .* already/);
    assert.equal(await readFile(join(run, 'config.json'), 'utf8'), before);
  });

  test('with a higher limit it continues, with the messages of the notes', async () => {
    const { code, stdout, stderr } = await train(['--resume', '--run', run, '--max-steps', '7']);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^Finished Training\nAccuracy on test set: [\d.]+% \(a random sample of 8 of .*\)\n$/,
    );
    assert.match(stderr, /^Resuming after step 6\.$/m);
    const metrics = jsonLines(await readFile(join(run, 'metrics.jsonl'), 'utf8'));
    assert.deepEqual(
      metrics.map(({ event, step }) => `${event} ${step}`),
      [1, 2, 3, 4, 5, 6, 7].map((n) => `step ${n}`).concat('epoch 7', 'done 7'),
    );
    assert.equal(JSON.parse(await readFile(join(run, 'config.json'), 'utf8')).maxSteps, 7);
  });

  test('a damaged checkpoint is set aside, and the run says where it continues', async () => {
    const { latest } = await state();
    assert.equal(latest, 'step-00000007.safetensors');
    await truncate(join(run, 'checkpoints', latest), 400_000_000);
    const { code, stderr } = await train(['--resume', '--run', run]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /step-00000007\.safetensors is not a valid safetensors file: it is truncated/);
    assert.match(stderr, /renamed to step-00000007\.safetensors\.damaged\./);
    assert.match(stderr, /The run resumes from step-00000006\.safetensors, after step 6\./);
    assert.match(stderr, /^Resuming after step 6\.$/m);
    assert.equal((await state()).latest, latest);
    assert.ok((await readdir(join(run, 'checkpoints'))).includes(`${latest}.damaged`));
    const metrics = jsonLines(await readFile(join(run, 'metrics.jsonl'), 'utf8'));
    assert.deepEqual(steps(metrics), [1, 2, 3, 4, 5, 6, 7]);
  });
});

test('Ctrl-C twice ends at once; the quick recipe is in the configuration', async () => {
  const run = join(root, 'quick');
  const { code, stdout, stderr } = await train(['--preset', 'quick', '--dataset', 'shapes10', '--run', run], {
    onStart: (child) => {
      when(child, 'stderr', 'Run: ', () => child.kill('SIGINT'));
      // Within 0.3 s it would count as the same one.
      when(child, 'stderr', 'Stopping after', () => setTimeout(() => child.kill('SIGINT'), 400));
    },
  });
  assert.equal(code, 130, stderr);
  assert.equal(stdout, '');
  const {
    machine: _,
    paperweight_checksum: ___,
    ...config
  } = JSON.parse(await readFile(join(run, 'config.json'), 'utf8'));
  const { model, training: quick } = partsOf(recipes.quick);
  assert.deepEqual(config, {
    ...quick,
    version: 1,
    recipe: 'quick',
    dataset: 'shapes10',
    seed: 0,
    model: { ...model, paper: 'alexnet', classes: config.model.classes, images: imageRules(32) },
  });
});

test('a run without weights cannot be evaluated', async () => {
  const run = join(root, 'empty');
  await mkdir(join(run, 'checkpoints'), { recursive: true });
  await writeFile(join(run, 'config.json'), await readFile(join(root, 'quick', 'config.json'), 'utf8'));
  const result = await runCli(['eval', run, '--device', 'reference'], LONG);
  refused(result, 1, /has no weights yet/, /--checkpoint-every/);
});

test('a start that is refused leaves no run, and keeps what was in the folder', async () => {
  const onnx = join(root, 'net.onnx');
  await writeFile(onnx, Uint8Array.of(8, 7, 0x12, 1, 65));
  await mkdir(join(root, 'refused', 'old'), { recursive: true });
  await writeFile(join(root, 'refused', 'old', 'mine.txt'), 'x');
  for (const run of ['refused/new/run', 'refused/old'])
    refused(
      await train(['--preset', 'four-layer', '--dataset', 'shapes10', '--init', onnx, '--run', run]),
      1,
      /net\.onnx cannot be read as weights.*exported from/,
    );
  assert.deepEqual(await readdir(join(root, 'refused')), ['old']);
  assert.deepEqual(await readdir(join(root, 'refused', 'old')), ['mine.txt']);
});

test('nothing to resume', async () => {
  const cwd = join(root, 'nowhere');
  await mkdir(cwd);
  refused(await train(['--resume'], { cwd }), 2, /There is no run to resume/, /--run DIR/);
  refused(await train(['--resume', '--run', 'absent'], { cwd }), 2, /absent is not a run folder/);
  await mkdir(join(cwd, 'broken'));
  await writeFile(join(cwd, 'broken', 'config.json'), '{"version": 1,');
  refused(await train(['--resume', '--run', 'broken'], { cwd }), 1, /broken\/config\.json/, /Expected JSON/);
  assert.deepEqual(await readdir(cwd), ['broken']);
});

test('invalid values are refused', async () => {
  for (const [flag, value] of [
    ['--lr', '-1'],
    ['--batch-size', '0'],
  ] as const)
    refused(await train([flag, value]), 2, new RegExp(`^error: ${flag} ${value} cannot be used`));
});

test('a run folder that cannot be created', async () => {
  const file = join(root, 'file');
  await writeFile(file, '');
  const places = [join(file, 'run'), ...(UNWRITABLE ? [UNWRITABLE] : [])];
  for (const run of places)
    refused(
      await train(['--dataset', 'shapes10', '--run', run]),
      1,
      new RegExp(`cannot make the run folder ${run}`),
    );
});

describe('data that is not CIFAR-10', () => {
  const FILES = [...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`), 'test_batch.bin'];
  let data: string;
  let made = 0;
  const size = 10_000 * RECORD;

  /** Files of the right size: images of zeros, all with label 0, which are sparse on most disks. */
  async function cifar(change: (folder: string) => Promise<unknown>): Promise<void> {
    data = join(root, `data-${made++}`);
    await mkdir(data);
    for (const file of FILES) {
      await writeFile(join(data, file), '');
      await truncate(join(data, file), size);
    }
    await change(data);
  }

  async function bad(...words: RegExp[]): Promise<void> {
    const run = join(data, 'run');
    const result = await train(['--data', data, '--run', run]);
    refused(result, 1, ...words, /Next: /);
    assert.doesNotMatch(result.stderr, /download: true/);
    assert.equal(existsSync(run), false, 'an empty run was left behind');
  }

  test('no files at all', async () => {
    data = join(root, 'no-data');
    await mkdir(data);
    await bad(/no-data/, /paperweight data cifar10 --download/);
  });

  test('a missing file', async () => {
    await cifar((folder) => rm(join(folder, 'data_batch_3.bin')));
    await bad(/data_batch_3\.bin is missing/);
  });

  test('a missing test file', async () => {
    await cifar((folder) => rm(join(folder, 'test_batch.bin')));
    await bad(/test_batch\.bin is missing/);
  });

  test('a truncated file', async () => {
    await cifar((folder) => truncate(join(folder, 'data_batch_2.bin'), size - 100));
    await bad(
      /data_batch_2\.bin does not hold whole CIFAR-10 records/,
      /got 30,729,900 bytes, which is 9,999 records and 2,973 bytes/,
    );
  });

  test('records of another size', async () => {
    // CIFAR-100 has two labels a record.
    await cifar((folder) => truncate(join(folder, 'data_batch_1.bin'), 10_000 * (RECORD + 1)));
    await bad(/data_batch_1\.bin/, /multiple of 3073 bytes|10000 records/);
  });

  test('label 11', async () => {
    await cifar(async (folder) => {
      const file = await open(join(folder, 'test_batch.bin'), 'r+');
      await file.write(Buffer.of(11), 0, 1, 7 * RECORD);
      await file.close();
    });
    await bad(/test_batch\.bin has a bad label at record 7, byte offset 21511/, /got label 11/);
  });
});
