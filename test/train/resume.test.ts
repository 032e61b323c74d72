import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { CheckpointError, UsageError } from '../../src/errors/errors.js';
import { RunFolder } from '../../src/run/run-folder.js';
import { plainMetrics, scratch, toyConfig, toyRun } from '../support/toy.js';
import { uninterrupted } from './uninterrupted.js';

const device = referenceDevice();
const step = (n: number) => `step-${String(n).padStart(8, '0')}.safetensors`;

const whole = uninterrupted(device);

async function copyOf(t: Parameters<typeof scratch>[0], change: (folder: RunFolder) => unknown) {
  const path = join(await scratch(t), 'run');
  cpSync(whole.folder.path, path, { recursive: true });
  const folder = RunFolder.open(path);
  await change(folder);
  return folder;
}

async function flip(file: string, at = 0.7): Promise<void> {
  const content = await readFile(file);
  content[Math.floor(at * content.length)]! ^= 4;
  await writeFile(file, content);
}

/** Resumes, trains to the end and compares with the uninterrupted run. */
async function resumed(path: string, from: number): Promise<string[]> {
  const { trainer, folder, recorder } = await toyRun(device, path, { resume: true });
  assert.equal(trainer.step, from);
  await trainer.run();
  await whole.same(folder);
  assert.deepEqual(await folder.state(), await whole.folder.state());
  const { best } = await whole.folder.state();
  const [a, b] = await Promise.all(
    [whole.folder, folder].map((f) => readFile(f.checkpoints.file(best!.file))),
  );
  assert.ok(a!.equals(b!), 'the best weights differ');
  // The messages are also in the run's log, which the dashboard reads.
  const log = await readFile(join(path, 'log.jsonl'), 'utf8');
  for (const text of recorder.notes) assert.ok(log.includes(JSON.stringify(text)), text);
  return recorder.notes;
}

test('with a flipped bit in the latest checkpoint, the previous one is used and reported', async (t) => {
  const folder = await copyOf(t, ({ path }) => flip(join(path, 'checkpoints', step(18))));
  const notes = await resumed(folder.path, 16);
  assert.match(notes[0]!, /step-00000018\.safetensors is damaged.*\nIt was renamed to step-00000018/);
  assert.match(notes[1]!, /^The run resumes from step-00000016\.safetensors, after step 16\.$/);
  assert.deepEqual(await folder.checkpoints.damaged(), [`${step(18)}.damaged`]);
});

test('if the latest checkpoint is missing, the previous one is used', async (t) => {
  const folder = await copyOf(t, ({ path }) => rm(join(path, 'checkpoints', step(18))));
  const [note] = await resumed(folder.path, 16);
  assert.match(note!, /step-00000018.*no such file/);
  assert.doesNotMatch(note!, /renamed|\.damaged/);
  assert.deepEqual(await folder.checkpoints.damaged(), []);
});

test('if all checkpoints are damaged, nothing is changed and no training starts', async (t) => {
  const folder = await copyOf(t, async ({ path }) => {
    await flip(join(path, 'checkpoints', step(18)), 0.01);
    await truncate(join(path, 'checkpoints', step(16)), 3000);
  });
  const content = async () => [
    (await readdir(join(folder.path, 'checkpoints'))).sort(),
    await readFile(join(folder.path, 'metrics.jsonl'), 'utf8'),
    await readFile(join(folder.path, 'state.json'), 'utf8'),
  ];
  const before = await content();
  const refused = (error: unknown) => {
    assert.ok(error instanceof CheckpointError, String(error));
    assert.match(error.message, /^All checkpoints in .* are damaged/);
    assert.match(error.message, /step-00000018.*\n.*step-00000016.*Next: restore one/s);
    return true;
  };
  for (let time = 0; time < 2; time++) {
    await assert.rejects(toyRun(device, folder.path, { resume: true }), refused);
    assert.deepEqual(await content(), before);
  }
  // Nor if all remaining checkpoints were set aside before, and the state is missing too.
  for (const n of [16, 18]) await folder.checkpoints.setAside(step(n));
  await rm(join(folder.path, 'state.json'));
  await assert.rejects(toyRun(device, folder.path, { resume: true }), /All checkpoints in .*\.damaged/s);
});

for (const [what, damage, words] of [
  ['torn', (file: string) => truncate(file, 20), /state\.json .*: it is rebuilt/],
  ['flipped', (file: string) => flip(file), /state\.json .*: it is rebuilt/],
  ['missing', (file: string) => rm(file), /state\.json is missing: it is rebuilt/],
] as const)
  test(`a state.json that is ${what} is rebuilt from the checkpoints`, async (t) => {
    const folder = await copyOf(t, ({ path }) => damage(join(path, 'state.json')));
    await assert.rejects(folder.state(), /Next: resume the run \(train --resume\)/);
    const notes = await resumed(folder.path, 18);
    assert.match(notes[0]!, words);
  });

test('killed after the checkpoint of an epoch’s end and before state.json: the best weights are known', async (t) => {
  const trained = async (maxSteps: number) => {
    const path = join(await scratch(t), 'run');
    const { trainer, folder } = await toyRun(device, path, { config: toyConfig({ maxSteps, ...rising }) });
    await trainer.run();
    return folder;
  };
  // One after the other, because two at a time in one process would share the random numbers.
  const before = await trained(12);
  const now = await trained(18);
  const expected = await now.state();
  assert.notDeepEqual((await before.state()).best, expected.best, 'the last epoch has to be the best');
  await now.writeState({ ...(await before.state()), latest: step(18) });
  const { trainer, folder } = await toyRun(device, now.path, {
    resume: true,
    config: toyConfig(rising),
  });
  await trainer.run();
  assert.deepEqual((await folder.state()).best, expected.best);
});
/** A run whose accuracy improves with each epoch. */
const rising = { lr: 0.02, schedule: { kind: 'constant' } } as const;

test('an unreadable line of the metrics does not affect other lines', async (t) => {
  const folder = await copyOf(t, async ({ path }) => {
    const file = join(path, 'metrics.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n');
    lines[2] = lines[2]!.replace('"event"', '"event');
    await writeFile(file, lines.join('\n'));
  });
  const { trainer, recorder } = await toyRun(device, folder.path, { resume: true });
  await trainer.run();
  assert.match(recorder.notes[0]!, /^1 line of the run's logs could not be read/);
  const rest = (await plainMetrics(whole.folder)).filter((_, i) => i !== 2);
  assert.deepEqual(await plainMetrics(folder), rest);
});

test('a truncated last line is reported as missing', async (t) => {
  for (const [cut, words] of [
    [0, /has lost its end: epoch 3 will be missing/],
    [1, /has lost its end: step 18 will be missing/],
    [3, /has lost its end: steps 16 to 18 will be missing/],
  ] as const) {
    const folder = await copyOf(t, async ({ path }) => {
      const file = join(path, 'metrics.jsonl');
      const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => !line.includes('"done"'));
      const kept = lines.slice(0, lines.length - 1 - cut);
      await writeFile(file, `${kept.slice(0, -1).join('\n')}\n${kept.at(-1)!.slice(0, 30)}`);
    });
    const { recorder, folder: taken } = await toyRun(device, folder.path, { resume: true });
    // Windows does not remove the folder of an open file.
    await taken.unlock();
    assert.ok(
      recorder.notes.some((text) => words.test(text)),
      recorder.notes.join(),
    );
  }
  // A truncated line after the checkpoint is written again, and nothing is missing.
  const folder = await copyOf(t, async ({ path }) => {
    await rm(join(path, 'checkpoints', step(18)));
    const file = join(path, 'metrics.jsonl');
    const text = (await readFile(file, 'utf8')).trimEnd();
    await writeFile(file, text.slice(0, -20));
  });
  assert.ok((await resumed(folder.path, 16)).every((text) => !text.includes('missing from the curves')));
});

test('a finished run without checkpoints does not start again', async (t) => {
  const folder = await copyOf(t, async (run) => {
    const { best } = await run.state();
    await run.writeState({ version: 1, best: best! });
    for (const name of await run.checkpoints.steps()) await rm(run.checkpoints.file(name));
  });
  await assert.rejects(toyRun(device, folder.path, { resume: true }), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /has ended and cannot be resumed/);
    return true;
  });
  assert.deepEqual(await plainMetrics(folder), await plainMetrics(whole.folder));
});
