import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface CliResult {
  /** The exit code; null if a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** Added to an environment without any PAPERWEIGHT_ variable, and as if npm had not started it; undefined removes one. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** The process is killed after this time. */
  readonly timeoutMs?: number;
  /** Open files for standard output and standard error, whose text is then not in the result. */
  readonly outputs?: { readonly stdout?: number; readonly stderr?: number };
  /** Called with the running process, for example to send it a signal. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** Runs `paperweight` with arguments in a separate process without a terminal. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runNode([MAIN, ...args], options);
}

/** Runs node with arguments. */
export function runNode(
  args: readonly string[],
  { env = {}, cwd, timeoutMs = 300_000, outputs = {}, onStart }: CliOptions = {},
): Promise<CliResult> {
  const inherited = Object.entries(process.env).filter(
    // With NODE_TEST_CONTEXT set, the child would behave like a test file.
    ([name]) =>
      !name.startsWith('PAPERWEIGHT_') && name !== 'npm_lifecycle_event' && name !== 'NODE_TEST_CONTEXT',
  );
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      // Kernels by rule, so that timings do not affect tests.
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

/** The objects of a `--json` output, one per line. */
export const jsonLines = (stdout: string): Record<string, unknown>[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
