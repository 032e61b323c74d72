import { writeSync } from 'node:fs';
import { openLibc } from '../../files/system/libc.js';

/** Ends this process at once, even if its other threads are blocked in native calls. Exit handlers do not run. */
export function exitNow(code: number): never {
  openLibc().func('void _exit(int)')(code);
  throw new Error('unreachable');
}

/**
 * Ends this process after some seconds unless it has ended before, even if this thread is then blocked in a native
 * call. The exit code is then that of a process that SIGALRM has ended.
 */
export function exitWithin(seconds: number): void {
  // Windows has no such call.
  if (process.platform !== 'win32') openLibc().func('unsigned int alarm(unsigned int)')(seconds);
}

/** Prints a line to standard error at once: the main thread may no longer respond, or the process is ending. */
export function printNow(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // Nothing reads standard error.
  }
}
