import { writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { PaperweightError } from '../../errors/errors.js';
import { printableLines } from '../../errors/printable.js';
import { launcherOf } from '../mpi/launcher.js';
import { exitNow, printNow } from './exit.js';

/** How long a rank that fails before it joins lets the others print the same error, in milliseconds. */
const TOGETHER_MS = 1000;
/** How long the launcher may take to end this process, in milliseconds. */
const LAUNCHER_MS = 2000;

/** Prints an error that no program has caught, if there is one. Node would print it after the job has already ended. */
export function printUncaught(name: string, error: unknown): void {
  if (error === undefined) return;
  const text = error instanceof PaperweightError ? error.message : inspect(error);
  printNow(`error: ${name}: ${printableLines(text)}`);
}

/**
 * Lets this process end with its program, although one of its threads may be blocked in MPI.
 * @param onFailure is called before the process ends with an exit code other than 0
 * @returns a function that takes this back
 */
export function exitAtEnd(name: string, onFailure: (code: number) => void = () => {}): () => void {
  let uncaught: unknown;
  const remember = (error: unknown): void => {
    uncaught = error;
  };
  const leave = (code: number): void => {
    if (code !== 0) {
      printUncaught(name, uncaught);
      onFailure(code);
    }
    exitNow(code);
  };
  process.on('uncaughtExceptionMonitor', remember);
  process.once('exit', leave);
  return () => {
    process.off('uncaughtExceptionMonitor', remember);
    process.off('exit', leave);
  };
}

let release: (() => void) | undefined;

/**
 * If this process fails before it has joined the other ranks, the job ends: they would wait for it. Launchers notice
 * that by themselves, except MPICH's, which does not know processes that have never called MPI. To be called as early as
 * possible; without a launcher it does nothing.
 */
export function endJobUntilJoined(): void {
  const launcher = launcherOf();
  if (!launcher || launcher.size === 1 || release) return;
  const file = launcher.kind === 'mpich' ? Number(process.env.PMI_FD) : Number.NaN;
  release = exitAtEnd(`rank ${launcher.rank ?? '?'} of ${launcher.size ?? '?'}`, (code) => {
    if (!Number.isInteger(file)) return;
    pause(TOGETHER_MS);
    try {
      // A request of PMI, the protocol between MPICH's launcher and the ranks.
      writeSync(file, `cmd=abort exitcode=${code}\n`);
      pause(LAUNCHER_MS);
    } catch {
      // The launcher has ended.
    }
  });
}

/** From now on the ranks agree on how the job ends. */
export function joined(): void {
  release?.();
  release = undefined;
}

const pause = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};
