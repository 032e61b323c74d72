import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { drawImageFolder } from '../support/draw-images.js';
import { scratch } from '../support/toy.js';
import { CLI, launchers, runChild, skip, start } from './launch.js';

let root: string;
let remove: () => unknown;
before(async () => {
  root = await scratch({ after: (body) => void (remove = body as () => unknown) });
});
after(() => remove());

/** Segments of shared memory that MPI libraries have named. */
const segments = () =>
  process.platform === 'linux'
    ? readdirSync('/dev/shm').filter((name) => /^(vader|sm)_segment|^mpich/.test(name))
    : [];

/** Whether any process has this text among its arguments. */
const isRunning = (text: string): boolean =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .some((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    });

const FAULTS: readonly { kind: string; says: RegExp }[] = [
  { kind: 'throw', says: /rank 1 of 2 \(.+\): Error: a fault of the test/ },
  { kind: 'exit', says: /rank 1 of 2 \(.+\) ended with exit code 0 before the others/ },
  // The launcher knows first.
  { kind: 'kill', says: /rank 1|RANK 1/ },
  { kind: 'stop', says: /rank 1 \(.+\) has not answered/ },
  { kind: 'loop', says: /rank 1 of 2 \(.+\): its main thread has not answered/ },
];

describe('a rank that fails', { skip }, () => {
  for (const [i, { kind, says }] of FAULTS.entries())
    test(`(${kind}) ends the job, which resumes`, async () => {
      const launcher = launchers[i % launchers.length]!;
      const path = join(root, `fault-${kind}`);
      const given = { path, slow: 20, config: { epochs: 100, syncBn: true, checkpointEvery: 2 } };
      const fault = { rank: 1, step: 5, kind };
      const failed = await runChild(launcher, 2, 'toy', [JSON.stringify({ ...given, fault })], {
        env: { PAPERWEIGHT_SILENCE_SECONDS: '4' },
      });
      assert.notEqual(failed.code, 0, failed.stdout);
      assert.match(failed.stdout + failed.stderr, says);
      // A launcher may end a moment before its last process is gone.
      for (let i = 0; i < 50 && isRunning(path); i++) await sleep(100);
      assert.equal(isRunning(path), false, 'a process is left');
      // Other jobs of the tests have segments too, but not for long.
      const left = segments();
      const still = () => segments().filter((name) => left.includes(name));
      for (let i = 0; i < 300 && still().length > 0; i++) await sleep(100);
      assert.deepEqual(still(), []);
      const config = { ...given.config, epochs: 1 };
      const resumed = await runChild(launcher, 2, 'toy', [
        JSON.stringify({ ...given, slow: 0, config, resume: true }),
      ]);
      assert.equal(resumed.code, 0, resumed.stderr);
      assert.match(resumed.stdout, /finished 6/);
    });

  for (const [policy, code, said] of [
    [
      'stop',
      1,
      /Training diverged at step 6: .*on rank 1 \(.+\), the images of the batch have NaN or infinity/,
    ],
    ['skip', 0, /finished 18/],
    ['rollback', 0, /finished 18/],
  ] as const)
    test(`with NaN holds the update on all (--on-nan ${policy})`, async () => {
      const path = join(root, `nan-${policy}`);
      const given = { path, config: { syncBn: true, onNan: policy } };
      const fault = { rank: 1, step: 6, kind: 'nan' };
      const ended = await runChild(launchers[0]!, 2, 'toy', [JSON.stringify({ ...given, fault })]);
      assert.equal(ended.code, code, ended.stderr);
      assert.match(ended.stdout + ended.stderr, said);
      if (code !== 0) return;
      const log = readFileSync(join(path, 'log.jsonl'), 'utf8');
      assert.match(log, /on rank 1 \(.+\), the images of the batch have NaN or infinity/);
    });

  test('that is told to end saves a checkpoint with the others', async () => {
    const path = join(root, 'term');
    const given = { path, slow: 20, config: { epochs: 100, syncBn: true } };
    const fault = { rank: 1, step: 5, kind: 'term' };
    const { code, stdout, stderr } = await runChild(launchers[0]!, 2, 'toy', [
      JSON.stringify({ ...given, fault }),
    ]);
    assert.equal(code, 0, stderr);
    const step = Number(/stopped (\d+)/.exec(stdout)?.[1]);
    assert.ok(step >= 5 && step < 100, stdout);
    assert.match(readFileSync(join(path, 'state.json'), 'utf8'), new RegExp(`step-0*${step}\\.safetensors`));
  });
});

describe('ranks that do not fit together', { skip }, () => {
  test('a launcher and a library of different makes are refused', async (t) => {
    if (launchers.length < 2) return t.skip('needs Open MPI and MPICH');
    for (const [launcher, library] of [
      [launchers[0]!, 'libmpich.so.12'],
      [launchers[1]!, 'libmpi.so.40'],
    ] as const) {
      const args = ['train', '--dataset', 'shapes10', '--run', join(root, 'never')];
      const { code, stderr, stdout } = await start(launcher, 2, [CLI, ...args], {
        env: { PAPERWEIGHT_MPI: library },
      }).ended;
      assert.equal(code, 2, stderr);
      assert.equal(stdout, '');
      assert.equal(stderr.split('error: ').length, 2, stderr);
      assert.match(stderr, /the MPI library are of different makes.*Expected a library of (Open MPI|MPICH)/);
    }
  });

  /** `train` on two ranks, of which the second has other flags or another environment. */
  async function different(
    name: string,
    common: readonly string[],
    [first, second]: readonly [readonly string[], readonly string[]],
    environment: readonly string[] = [],
    says = /./,
  ): Promise<void> {
    for (const [i, launcher] of launchers.entries()) {
      const run = join(root, `${name}-${i}`);
      const args = [CLI, 'train', '--paper', 'resnet', ...common, '--run', run];
      // One program for each rank.
      const other = [':', '-n', '1', 'env', ...environment, process.execPath, ...args, ...second];
      const { code, stderr, stdout } = await start(launcher, 1, [...args, ...first, ...other]).ended;
      assert.equal(code, 2, stderr);
      const [said] = stderr.match(/Rank 1 \(.+\) differs from rank 0 \(.+\) in [^:(]+/) ?? [];
      assert.ok(said?.includes(name), stderr);
      assert.match(stderr, says);
      assert.equal(stdout, '');
      assert.equal(existsSync(run), false, 'a run is left');
    }
  }

  test('another seed on one rank is refused', () =>
    different(
      'its flags or configuration',
      ['--dataset', 'shapes10', '--device', 'reference'],
      [
        ['--seed', '1'],
        ['--seed', '2'],
      ],
      [],
      /its flags or configuration \(seed\)/,
    ));

  test('--resume on one rank only is refused', () =>
    different('its flags', ['--dataset', 'shapes10'], [[], ['--resume']]));

  test('measured kernels on one rank only are refused', () =>
    different('its kernels', ['--dataset', 'shapes10'], [[], []], ['PAPERWEIGHT_KERNELS=/nowhere/kernels']));

  test('a library of something else is refused', async () => {
    const { code, stderr } = await start(launchers.at(-1)!, 2, [CLI, 'doctor'], {
      env: { PAPERWEIGHT_MPI: 'libc.so.6' },
    }).ended;
    assert.equal(code, 2, stderr);
    assert.match(stderr, /does not load.*got libc\.so\.6, which is no MPI library/);
  });

  test('other data on one rank are refused', async () => {
    const folders = ['one', 'two'].map((name) => join(root, `data-${name}`));
    for (const [i, path] of folders.entries())
      await drawImageFolder({ root: path, classes: 2, train: 3 + i, val: 2, size: [40, 36] });
    const common = ['--dataset', 'imagefolder', '--device', 'reference', '--image-size', '32'];
    await different('its data', common, folders.map((path) => ['--data', path]) as [string[], string[]]);
  });

  test('other pixels of one image on one rank are refused', async () => {
    const folders = ['same', 'changed'].map((name) => join(root, `data-${name}`));
    for (const path of folders)
      await drawImageFolder({ root: path, classes: 2, train: 3, val: 2, size: [40, 36] });
    const images = readdirSync(folders[1]!, { recursive: true, encoding: 'utf8' });
    const image = join(folders[1]!, images.filter((name) => /\.jpe?g$/i.test(name)).sort()[2]!);
    const bytes = readFileSync(image);
    // In the middle of the compressed pixels: the size stays, and the image can be decoded.
    bytes[Math.floor(bytes.length * 0.7)]! ^= 1;
    writeFileSync(image, bytes);
    const common = ['--dataset', 'imagefolder', '--device', 'reference', '--image-size', '32'];
    const data = folders.map((path) => ['--data', path]) as [string[], string[]];
    await different('its data', common, data);
  });

  test('another kind of processor on one rank is refused', async () => {
    // oneDNN then leaves out the newer instructions of this machine.
    const common = ['--dataset', 'shapes10', '--device', 'onednn', '--eval-limit', '8'];
    const older = ['DNNL_MAX_CPU_ISA=SSE41', 'ONEDNN_MAX_CPU_ISA=SSE41'];
    await different('its device', common, [[], []], older);
  });

  test('other exchanges on one rank are refused before they begin', async () => {
    const { code, stderr } = await runChild(launchers[0]!, 2, 'disagree');
    assert.notEqual(code, 0);
    assert.match(stderr, /Rank 1 \(.+\) differs from rank 0 \(.+\) in the order of exchanges/);
  });

  for (const [how, says] of [
    ['counts', /numbers of all ranks of different counts.*got 2 on rank 0 \(.+\), 3 on rank 1 \(/],
    ['kinds', /Rank 1 \(.+\) and rank 0 \(.+\) perform different exchanges/],
    ['at once', /An exchange of numbers of all ranks begins before the one before it has ended/],
  ] as const)
    test(`exchanges of the program that differ are refused (${how})`, async () => {
      const { code, stdout, stderr } = await runChild(launchers.at(-1)!, 2, 'wrong', [how]);
      assert.notEqual(code, 0);
      assert.match(stderr, says);
      assert.equal(stdout, '');
    });

  test('an exchange after the end of the world is an error', async () => {
    const { code, stdout, stderr } = await runChild(launchers.at(-1)!, 2, 'wrong', ['closed']);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.split('begins after world.close()').length, 5, stdout);
  });

  test('a rank that ends early is named', async () => {
    const { code, stderr } = await runChild(launchers[0]!, 2, 'early');
    assert.notEqual(code, 0);
    assert.match(
      stderr,
      /rank 1 \(.+\) has ended its program, while rank 0 \(.+\) waits for it in the start/,
    );
  });
});

test('a program on its own loads no MPI', { skip: process.platform !== 'linux' }, async () => {
  const { open } = await import('../../src/distributed/index.js');
  const world = await open();
  assert.equal(world.size, 1);
  assert.doesNotMatch(readFileSync('/proc/self/maps', 'utf8'), /libmpi/);
  await world.close();
});
