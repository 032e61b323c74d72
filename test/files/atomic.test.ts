import assert from 'node:assert/strict';
import fs, { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { referenceDevice } from '../../src/backend/reference/index.js';
import { writeFileAtomic } from '../../src/files/atomic.js';
import { scratch, toyConfig, toyRun } from '../support/toy.js';

/** Windows cannot open a folder. */
const SYNCS_FOLDERS = process.platform !== 'win32';

/**
 * Notes down, in order, what reaches the system: `write F`, `sync F`, `rename F`, `sync DIR`, `remove F`. Temporary
 * files go by the name that they are to get.
 */
function traced(t: TestContext): string[] {
  const calls: string[] = [];
  const promises = fs.promises;
  const before = { open: promises.open, rename: promises.rename, rm: promises.rm, fsyncSync: fs.fsyncSync };
  const plain = (path: string) => basename(path).replace(/^\.(.*)\.[0-9a-f]{12}\.tmp$/, '$1');
  const opened = new Map<number, string>();
  const { openSync } = fs;
  promises.open = async (path, ...rest) => {
    const handle = await before.open(path, ...rest);
    const name = plain(String(path));
    const { write, sync } = handle;
    handle.write = ((...args: Parameters<typeof write>) => {
      if (calls.at(-1) !== `write ${name}`) calls.push(`write ${name}`);
      return write.apply(handle, args);
    }) as typeof write;
    handle.sync = async () => {
      await sync.call(handle);
      calls.push(`sync ${name}`);
    };
    return handle;
  };
  promises.rename = async (from, to) => {
    await before.rename(from, to);
    calls.push(`rename ${basename(String(to))}`);
  };
  promises.rm = async (path, options) => {
    await before.rm(path, options);
    calls.push(`remove ${plain(String(path))}`);
  };
  fs.openSync = ((path: string, ...rest: [string]) => {
    const fd = openSync(path, ...rest);
    opened.set(fd, plain(path));
    return fd;
  }) as typeof openSync;
  fs.fsyncSync = (fd) => {
    before.fsyncSync(fd);
    calls.push(`sync ${opened.get(fd)}`);
  };
  syncBuiltinESMExports();
  t.after(() => {
    Object.assign(promises, { open: before.open, rename: before.rename, rm: before.rm });
    Object.assign(fs, { openSync, fsyncSync: before.fsyncSync });
    syncBuiltinESMExports();
  });
  return calls;
}

test('a file is whole and on the disk before it gets its name, and its folder after', async (t) => {
  const file = join(await scratch(t), 'a.txt');
  const calls = traced(t);
  await writeFileAtomic(file, 'text');
  const folder = SYNCS_FOLDERS ? [`sync ${basename(dirname(file))}`] : [];
  assert.deepEqual(calls, ['write a.txt', 'sync a.txt', 'rename a.txt', ...folder]);
  assert.equal(readFileSync(file, 'utf8'), 'text');
});

test('logs, then the checkpoint, then the state, and only then old checkpoints go', async (t) => {
  const path = join(await scratch(t), 'run');
  const config = toyConfig({ maxSteps: 6, checkpointEvery: 1, insightEvery: 0 });
  const { trainer } = await toyRun(referenceDevice(), path, { config });
  const calls = traced(t);
  await trainer.run();
  const save = (step: number, gone: readonly number[], best = false) => {
    const file = (kind: string) => `${kind}-0000000${step}.safetensors`;
    const durable = (name: string, folder: string) => [
      `write ${name}`,
      `sync ${name}`,
      `rename ${name}`,
      ...(SYNCS_FOLDERS ? [`sync ${folder}`] : []),
    ];
    return [
      'sync metrics.jsonl',
      ...(step > 1 ? ['sync log.jsonl'] : []),
      ...(best ? durable(file('best'), 'checkpoints') : []),
      ...durable(file('step'), 'checkpoints'),
      ...durable('state.json', 'run'),
      ...gone.map((n) => `remove step-0000000${n}.safetensors`),
    ];
  };
  const expected = [1, 2, 3, 4, 5, 6].flatMap((n) => save(n, n > 2 ? [n - 2] : []));
  const all = calls.filter((call) => !/process\.json/.test(call));
  // The last step is saved twice: with it the epoch ends.
  const last = save(6, [], true);
  const from = all.indexOf('sync metrics.jsonl');
  assert.deepEqual(all.slice(from, from + expected.length + last.length), [...expected, ...last]);
});
