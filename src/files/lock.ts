import { createHash } from 'node:crypto';
import { type FileHandle, open, stat, unlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { constants, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { diskError } from './disk-error.js';
import type { SystemLock } from './system/windows-lock.js';

const FILE = 'run.lock';
const LOCK_EXCLUSIVE = 2;
const LOCK_AT_ONCE = 4;

/** The process that holds a lock, for error messages; whether the lock is held is decided by the system alone. */
const ownerSchema = z.object({ pid: z.number(), host: z.string(), since: z.string() });

/** A lock object must be closed; a lock without one ends when the file is closed. */
export type Answer = SystemLock | 'taken' | 'held' | 'impossible';
/** Asks the system for a lock of an open file that ends with this process. */
type Flock = (fd: number, file: string) => Promise<Answer>;

/**
 * A run folder's lock: one process at a time trains in it. The operating system releases the lock when the process
 * ends, however it ends, so locks are never stale and reused process ids do no harm. The lock is a flock on `run.lock`, on
 * Windows LockFileEx. If the file system does not support it, it is a name that only one process at a time can have (a
 * socket's, on macOS a locked file's in the temporary folder), which protects against processes of the same machine only.
 */
export class RunLock {
  constructor(
    /** The kind of lock; `none` if the system supports neither. */
    readonly kind: 'flock' | 'name' | 'none',
    readonly file: string,
    readonly handle: FileHandle,
    readonly system?: SystemLock,
  ) {}

  async release(): Promise<void> {
    // Before the lock is released: afterwards the file may belong to another process.
    await unlink(this.file).catch(() => {});
    await this.close();
  }

  async close(): Promise<void> {
    this.system?.close();
    await this.handle.close();
  }
}

/**
 * Takes the lock of a run folder.
 *
 * @param ask replaces the system's flock in tests
 * @param platform replaces the system's name in tests
 * @throws UsageError if another process holds the lock; CheckpointError if the folder is not writable
 */
export async function takeLock(
  run: string,
  ask: Flock = flock,
  platform: NodeJS.Platform = process.platform,
): Promise<RunLock> {
  const file = join(run, FILE);
  try {
    for (;;) {
      const handle = await open(file, 'a+');
      const lock = await attempt(run, file, handle, ask, platform).catch(async (error) => {
        await handle.close();
        throw error;
      });
      // The previous holder may have removed the file after it was opened here: then try again with a new file.
      if (await isStill(file, handle)) {
        await handle.truncate(0);
        const owner = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
        await handle.write(`${JSON.stringify(owner)}\n`);
        return lock;
      }
      await lock.close();
    }
  } catch (error) {
    throw diskError(error, `cannot lock the run in ${run}`, CheckpointError);
  }
}

async function attempt(
  run: string,
  file: string,
  handle: FileHandle,
  ask: Flock,
  platform: NodeJS.Platform,
): Promise<RunLock> {
  const answer = await ask(handle.fd, file);
  if (answer === 'taken') return new RunLock('flock', file, handle);
  if (typeof answer === 'object') return new RunLock('flock', file, handle, answer);
  if (answer === 'held') throw await refusal(run, file);
  const named = await claimName(run, platform);
  if (named === 'held') throw await refusal(run, file);
  return named === 'impossible'
    ? new RunLock('none', file, handle)
    : new RunLock('name', file, handle, named);
}

async function isStill(file: string, handle: FileHandle): Promise<boolean> {
  const [ours, there] = await Promise.all([
    handle.stat({ bigint: true }),
    stat(file, { bigint: true }).catch(() => undefined),
  ]);
  return ours.ino === there?.ino && ours.dev === there.dev;
}

async function flock(fd: number, file: string): Promise<Answer> {
  try {
    if (process.platform === 'win32') return (await import('./system/windows-lock.js')).lockOnWindows(file);
    const [{ default: koffi }, { openLibc }] = await Promise.all([
      import('koffi'),
      import('./system/libc.js'),
    ]);
    const call = openLibc().func('int flock(int, int)');
    for (;;) {
      if (call(fd, LOCK_EXCLUSIVE | LOCK_AT_ONCE) === 0) return 'taken';
      const errno = koffi.errno();
      if (errno === constants.errno.EWOULDBLOCK) return 'held';
      if (errno !== constants.errno.EINTR) return 'impossible';
    }
  } catch {
    // No C library that can be opened: use the socket name.
    return 'impossible';
  }
}

/** Claims a name made from the folder's device and inode; only one process at a time can. */
async function claimName(
  run: string,
  platform: NodeJS.Platform,
): Promise<SystemLock | 'held' | 'impossible'> {
  const { dev, ino } = await stat(run, { bigint: true });
  const name = `paperweight-${createHash('sha256').update(`${dev}:${ino}`).digest('hex').slice(0, 32)}`;
  const path = { linux: `\0${name}`, win32: `\\\\.\\pipe\\${name}` }[platform as string];
  if (!path) return lockTemporary(`${name}.lock`);
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code === 'EADDRINUSE' || code === 'EACCES' ? 'held' : 'impossible'),
    );
    server.listen({ path, exclusive: true }, () => resolve(server.unref()));
  });
}

/** Locks a file in the temporary folder, whose file system does support it. */
async function lockTemporary(name: string): Promise<SystemLock | 'held' | 'impossible'> {
  const file = join(tmpdir(), name);
  const handle = await open(file, 'a').catch(() => undefined);
  if (!handle) return 'impossible';
  const answer = await flock(handle.fd, file);
  if (answer === 'taken') return { close: () => void handle.close() };
  await handle.close();
  return answer;
}

async function refusal(run: string, file: string): Promise<UsageError> {
  const owner = await readOwner(file);
  return new UsageError({
    what: `The run in ${run} is being trained by another process`,
    expected: 'one process at a time in a run folder',
    got: owner ? `process ${owner.pid} on ${owner.host}, since ${owner.since}` : 'a lock that is held',
    next: `wait until it ends, stop it (Ctrl-C${process.platform === 'win32' ? ' in its window' : ', or kill with its process id'}), or choose another --run`,
  });
}

async function readOwner(file: string): Promise<z.infer<typeof ownerSchema> | undefined> {
  const handle = await open(file, 'r').catch(() => undefined);
  try {
    const { buffer, bytesRead } = (await handle?.read(Buffer.alloc(1024), 0, 1024, 0)) ?? { bytesRead: 0 };
    return buffer && ownerSchema.parse(JSON.parse(buffer.toString('utf8', 0, bytesRead)));
  } catch {
    return undefined;
  } finally {
    await handle?.close();
  }
}
