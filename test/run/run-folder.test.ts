import assert from 'node:assert/strict';
import {
  appendFile,
  chmod,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { CheckpointError, UsageError } from '../../src/errors/errors.js';
import { trainConfigSchema } from '../../src/run/config.js';
import { Logger } from '../../src/run/logger.js';
import { latestRun, RunFolder } from '../../src/run/run-folder.js';
import { smallDisk, UNWRITABLE } from '../support/system/disk.js';
import { scratch, toyConfig } from '../support/toy.js';

/** Fails unless the error has all parts, and these words. */
const complete =
  (Kind: typeof CheckpointError | typeof UsageError, ...words: RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Kind, String(error));
    for (const part of ['what', 'expected', 'got', 'next'] as const)
      assert.ok(error[part], `no ${part}: ${error.message}`);
    assert.doesNotMatch(error.message, /\n\n/);
    for (const word of words) assert.match(error.message, word);
    return true;
  };

const entry = (step: number, epoch = 1) => ({
  event: 'step',
  epoch,
  step,
  loss: 2.25,
  lr: 0.01,
  imagesPerSecond: 100,
  stepSeconds: 0.1,
  dataSeconds: 0,
  rssMiB: 900,
});

test('a new run has its configuration and an empty state', async (t) => {
  const path = join(await scratch(t), 'deep', 'run');
  const config = toyConfig({ maxSteps: 5 });
  const folder = await RunFolder.create(path, config);
  assert.equal(folder.path, path);
  assert.deepEqual((await readdir(path)).sort(), ['checkpoints', 'config.json', 'state.json']);
  const again = RunFolder.open(path);
  assert.deepEqual(await again.config(trainConfigSchema), config);
  assert.deepEqual(await again.state(), { version: 1 });
  assert.deepEqual(await again.metrics(), []);
});

test('an existing run is not overwritten', async (t) => {
  const path = await scratch(t);
  await RunFolder.create(path, toyConfig());
  const before = await readFile(join(path, 'config.json'), 'utf8');
  await assert.rejects(
    RunFolder.create(path, toyConfig({ lr: 9 })),
    complete(UsageError, /--resume --run/, new RegExp(path.replaceAll('\\', '\\\\'))),
  );
  assert.equal(await readFile(join(path, 'config.json'), 'utf8'), before);
});

test('a run of another program cannot be opened, and the error says what it is', async (t) => {
  const folder = await scratch(t);
  const logged = join(folder, 'logged');
  await (await Logger.open(logged, { settings: { lr: 0.1 } })).close();
  const [flat, parts] = [join(folder, 'flat'), join(folder, 'parts')];
  await mkdir(flat);
  await mkdir(join(parts, 'train'), { recursive: true });
  for (const place of [flat, join(parts, 'train')])
    await writeFile(join(place, 'events.out.tfevents.1.host'), '');
  assert.throws(() => RunFolder.open(logged), complete(UsageError, /with Logger.*paperweight serve, report/));
  for (const path of [flat, parts])
    assert.throws(() => RunFolder.open(path), complete(UsageError, /event files of TensorBoard/));
});

test('a folder without a run cannot be opened', async (t) => {
  const path = await scratch(t);
  assert.throws(() => RunFolder.open(path), complete(UsageError, /a folder without one/));
  assert.throws(() => RunFolder.open(join(path, 'absent')), complete(UsageError, /nothing there/));
});

test('an invalid configuration is an error that describes the fault', async (t) => {
  const path = await scratch(t);
  const folder = await RunFolder.create(path, toyConfig());
  const file = join(path, 'config.json');
  const refused = async (text: string, ...words: RegExp[]) => {
    await writeFile(file, text);
    await assert.rejects(
      folder.config(trainConfigSchema),
      complete(CheckpointError, /config\.json/, /Next: restore the file/, ...words),
    );
  };
  await refused('{"version": 1,', /Expected JSON written by train/);
  await refused('', /Expected JSON/);
  const { lr: _, ...rest } = toyConfig();
  await refused(JSON.stringify(rest), /→ at lr/);
  await refused(JSON.stringify({ ...toyConfig(), lr: -1 }), /→ at lr/);
  await refused(JSON.stringify({ ...toyConfig(), schedule: { kind: 'magic' } }), /→ at schedule/);
  await refused(JSON.stringify({ name: 'paperweight', dependencies: {} }), /→ at version/);
  await refused('[]', /expected object/);
});

test('a damaged configuration is detected; one edited on purpose is accepted', async (t) => {
  const path = await scratch(t);
  const folder = await RunFolder.create(path, toyConfig());
  const file = join(path, 'config.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('"lr": 0.05', '"lr": 0.07'));
  await assert.rejects(
    folder.config(trainConfigSchema),
    complete(
      CheckpointError,
      /config\.json is damaged, or another program changed it/,
      /if it was edited on purpose/,
    ),
  );
  await writeFile(file, JSON.stringify(toyConfig({ lr: 0.07 })));
  assert.equal((await folder.config(trainConfigSchema)).lr, 0.07);
});

test('a state that names files outside of the run is refused', async (t) => {
  const path = await scratch(t);
  const folder = await RunFolder.create(path, toyConfig());
  for (const name of ['../../other.safetensors', '/etc/passwd', '.hidden', '', '..', 'a/b.safetensors'])
    assert.throws(() => folder.checkpoints.file(name), complete(CheckpointError, /outside of the run/), name);
  assert.equal(
    folder.checkpoints.file('step-00000001.safetensors'),
    join(path, 'checkpoints', 'step-00000001.safetensors'),
  );
  await writeFile(join(path, 'state.json'), '{"version":1,"latest":3}');
  await assert.rejects(folder.state(), complete(CheckpointError, /state\.json/, /→ at latest/));
});

test('metrics are lines; a truncated one is skipped', async (t) => {
  const path = await scratch(t);
  const folder = await RunFolder.create(path, toyConfig());
  for (const step of [1, 2]) await folder.log(entry(step));
  // Nor are lines that the run has not written.
  for (const line of ['null', '[]', '{"event":"step"}', '{"event":"epoch","epoch":1,"trainLoss":"x"}', ''])
    await appendFile(join(path, 'metrics.jsonl'), `${line}\n`);
  await appendFile(join(path, 'metrics.jsonl'), '{"event":"step","epo');
  assert.deepEqual(await folder.metrics(), [entry(1), entry(2)]);
});

test('rewinding removes lines after a position, and a truncated line', async (t) => {
  const path = await scratch(t);
  const folder = await RunFolder.create(path, toyConfig());
  await folder.rewind({ step: 3, epoch: 0 });
  const epoch = (n: number, step: number) => ({ event: 'epoch', epoch: n, step, note: 'ü' });
  const lines = [entry(1), entry(2), epoch(1, 2), entry(3, 2), entry(4, 2)];
  const rewound = async (place: { step: number; epoch: number }, count: number) => {
    await writeFile(join(path, 'metrics.jsonl'), '');
    for (const line of [...lines, epoch(2, 4), { event: 'done', step: 4 }]) await folder.log(line);
    await appendFile(join(path, 'metrics.jsonl'), '{"event":"step","step":5');
    await folder.rewind(place);
    await folder.log({ event: 'next' });
    const text = await readFile(join(path, 'metrics.jsonl'), 'utf8');
    const expected = [...[...lines, epoch(2, 4)].slice(0, count), { event: 'next' }];
    assert.equal(text, expected.map((line) => `${JSON.stringify(line)}\n`).join(''));
  };
  await rewound({ step: 3, epoch: 1 }, 4);
  await rewound({ step: 0, epoch: 0 }, 0);
  // Two steps are done and the epoch is not: it will be measured again.
  await rewound({ step: 2, epoch: 0 }, 2);
  await rewound({ step: 2, epoch: 1 }, 3);
  // A run that has ended ends again.
  await rewound({ step: 4, epoch: 2 }, 6);
});

test('pruning keeps the latest, the last two and the best', async (t) => {
  const path = await scratch(t);
  const folder = await RunFolder.create(path, toyConfig());
  const step = (n: number) => `step-${String(n).padStart(8, '0')}.safetensors`;
  const best = (n: number) => `best-${String(n).padStart(8, '0')}.safetensors`;
  const files = [step(1), step(2), step(3), step(10), best(1), best(3), 'notes.txt'];
  for (const file of files) await writeFile(join(path, 'checkpoints', file), file);
  await folder.checkpoints.prune({ version: 1, latest: step(1), best: { file: best(1), accuracy: 50 } });
  // The best as of each checkpoint that stays.
  assert.deepEqual((await readdir(join(path, 'checkpoints'))).sort(), [
    best(1),
    best(3),
    'notes.txt',
    step(1),
    step(3),
    step(10),
  ]);
  await folder.checkpoints.prune({ version: 1, latest: step(10), best: { file: best(1), accuracy: 50 } });
  assert.deepEqual((await readdir(join(path, 'checkpoints'))).sort(), [
    best(1),
    best(3),
    'notes.txt',
    step(3),
    step(10),
  ]);
  assert.deepEqual(await folder.checkpoints.steps(), [step(3), step(10)]);
});

test('the latest run is the one started last, whatever its name', async (t) => {
  const root = join(await scratch(t), 'runs');
  assert.equal(await latestRun(root), undefined);
  await mkdir(join(root, 'zzz'), { recursive: true });
  assert.equal(await latestRun(root), undefined);
  for (const [name, minute] of [
    ['notes', 1],
    ['2026-11-24-0800', 3],
    ['mine', 2],
  ] as const) {
    await RunFolder.create(join(root, name), toyConfig());
    const time = new Date(2026, 10, 24, 8, minute);
    await utimes(join(root, name, 'config.json'), time, time);
  }
  assert.equal(await latestRun(root), join(root, '2026-11-24-0800'));
});

test('a path where no folder can be created is an error', async (t) => {
  const file = join(await scratch(t), 'file');
  await writeFile(file, '');
  await assert.rejects(
    RunFolder.create(join(file, 'run'), toyConfig()),
    complete(CheckpointError, /cannot make the run folder/, /a file where a folder should be/),
  );
  if (!UNWRITABLE) return t.diagnostic('no folder here refuses root');
  await assert.rejects(
    RunFolder.create(UNWRITABLE, toyConfig()),
    complete(CheckpointError, new RegExp(`cannot make the run folder ${UNWRITABLE}`)),
  );
});

test('a folder without write permission is an error', async (t) => {
  if (process.platform === 'win32') return t.skip('Windows has no such permissions of folders');
  if (process.getuid?.() === 0) return t.skip('root may write everywhere');
  const path = await scratch(t);
  const folder = await RunFolder.create(path, toyConfig());
  await chmod(path, 0o500);
  try {
    await assert.rejects(folder.writeState({ version: 1, latest: 'x' }), complete(CheckpointError, /EACCES/));
    await assert.rejects(folder.log(entry(1)), complete(CheckpointError, /EACCES/));
    assert.deepEqual(await folder.state(), { version: 1 });
  } finally {
    await chmod(path, 0o700);
  }
});

test('metrics on a full disk', { skip: process.platform !== 'linux' && 'needs /dev/full' }, async (t) => {
  const path = await scratch(t);
  const folder = await RunFolder.create(path, toyConfig());
  await symlink('/dev/full', join(path, 'metrics.jsonl'));
  await assert.rejects(
    folder.log(entry(1)),
    complete(CheckpointError, /metrics\.jsonl/, /full disk \(ENOSPC\)/, /free some space/),
  );
});

test('on a full disk the previous state is kept', async (t) => {
  const disk = smallDisk(t);
  if (!disk) return;
  const folder = await RunFolder.create(join(disk.path, 'run'), toyConfig());
  await folder.writeState({ version: 1, latest: 'step-00000001.safetensors' });
  disk.fill();
  const next = { version: 1 as const, latest: 'step-00000002.safetensors' };
  await assert.rejects(folder.writeState(next), complete(CheckpointError, /state\.json/, /ENOSPC/));
  assert.deepEqual(await folder.state(), { version: 1, latest: 'step-00000001.safetensors' });
  assert.deepEqual((await readdir(folder.path)).sort(), ['checkpoints', 'config.json', 'state.json']);
  await assert.rejects(
    RunFolder.create(join(disk.path, 'other'), toyConfig()),
    complete(CheckpointError, /ENOSPC/),
  );
  await disk.free();
  await folder.writeState(next);
  assert.deepEqual(await folder.state(), next);
});

test('a name with control characters is refused before anything is created', async (t) => {
  const root = await scratch(t);
  for (const name of ['a\nb', 'a\x1b[31mb', 'a\tb', 'a\u009bb'])
    await assert.rejects(
      RunFolder.create(join(root, name), {}),
      (e) => e instanceof UsageError && /control characters/.test(e.message) && !/\p{Cc}/u.test(e.message),
    );
  assert.deepEqual(await readdir(root), []);
});

test('a run without its folder of checkpoints says what is missing', async (t) => {
  const path = join(await scratch(t), 'run');
  const folder = await RunFolder.create(path, toyConfig());
  await rm(join(path, 'checkpoints'), { recursive: true });
  await assert.rejects(
    folder.checkpoints.steps(),
    /checkpoints is missing.*the folder with the checkpoints/s,
  );
});
