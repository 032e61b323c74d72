import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface CliResult {
  /** The exit code; null when a signal has ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Added to an environment without any PAPERWEIGHT_ variable, and as if npm had not started it; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** The process is killed after so long. */
  readonly timeoutMs?: number;
  /** Open files that standard output and standard error go to; what they get is not in the result. */
  readonly outputs?: { readonly stdout?: number; readonly stderr?: number };
  /** Called with the running process, to send it a signal say. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs `paperweight` with arguments, in a process of its own and without a terminal. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runNode([MAIN, ...args], options);
}

/** Runs node with arguments. */
export function runNode(
  args: readonly string[],
  { env = {}, cwd, timeoutMs = 300_000, outputs = {}, onStart }: CliOptions = {},
): Promise<CliResult> {
  const inherited = Object.entries(process.env).filter(
    // Without NODE_TEST_CONTEXT the child would take itself for a test file.
    ([name]) =>
      !name.startsWith('PAPERWEIGHT_') && name !== 'npm_lifecycle_event' && name !== 'NODE_TEST_CONTEXT',
  );
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      // Kernels by rule: what was faster on this machine today is nothing to test.
      env: { ...Object.fromEntries(inherited), PAPERWEIGHT_KERNELS: 'fixed', ...env },
      ...(cwd === undefined ? {} : { cwd }),
      stdio: ['ignore', outputs.stdout ?? 'pipe', outputs.stderr ?? 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
    });
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
    onStart?.(child);
  });
}

/** The objects of a `--json` output, one a line. */
export const jsonLines = (stdout: string): Record<string, unknown>[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
