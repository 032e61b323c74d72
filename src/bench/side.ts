import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PaperweightError } from '../errors/errors.js';

/** A side could not carry out a request. */
export class SideError extends PaperweightError {
  static {
    SideError.prototype.name = 'SideError';
  }
}

/** A side did not answer within the time limit. */
export class SideTimeout extends SideError {
  static {
    SideTimeout.prototype.name = 'SideTimeout';
  }
}

export interface SideCommand {
  /** Name in error messages, such as `pytorch`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export type Answer = Readonly<Record<string, unknown>>;

/** Lines of a side's standard error kept for error messages. */
const KEPT = 12;

/**
 * One side of a comparison: a long-running process, so that it warms up once and both sides are measured under the
 * same load of the machine. It prints one JSON object per line: first that it is ready, then an answer to each line
 * that it reads (`go 3`, `end`). An object with `error` reports a failure; lines that are not JSON objects are
 * skipped.
 */
export class Side {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #answers: Answer[] = [];
  readonly #log: string[] = [];
  #wake: () => void = () => {};
  #ended: string | undefined;

  constructor({ name, command, args, env }: SideCommand) {
    this.name = name;
    this.#child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const answer = objectOf(line);
      if (!answer) return;
      this.#answers.push(answer);
      this.#wake();
    });
    createInterface({ input: this.#child.stderr! }).on('line', (line) => {
      this.#log.push(line);
      if (this.#log.length > KEPT) this.#log.shift();
    });
    // The process may have exited before a write; `close` reports that.
    this.#child.stdin!.on('error', () => {});
    this.#child.once('error', (error) => this.#end(error.message));
    this.#child.once('close', (code, signal) => this.#end(signal ? `signal ${signal}` : `exit code ${code}`));
  }

  #end(how: string): void {
    this.#ended ??= how;
    this.#wake();
  }

  /** Waits for the first line, which the side prints after warming up. */
  ready(limitSeconds: number): Promise<Answer> {
    return this.#next('get ready', limitSeconds);
  }

  /** @throws SideTimeout after the time limit, which also ends the side; SideError if the side reports an error */
  async ask(line: string, limitSeconds: number): Promise<Answer> {
    this.#child.stdin!.write(`${line}\n`);
    return this.#next(`answer "${line}"`, limitSeconds);
  }

  async #next(what: string, limitSeconds: number): Promise<Answer> {
    let timer: NodeJS.Timeout | undefined;
    let late = false;
    try {
      while (this.#answers.length === 0 && this.#ended === undefined && !late)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          timer ??= setTimeout(() => {
            late = true;
            this.#wake();
          }, limitSeconds * 1000);
        });
    } finally {
      clearTimeout(timer);
    }
    const answer = this.#answers.shift();
    if (answer && typeof answer.error !== 'string') return answer;
    if (answer) throw new SideError({ what: `${this.name} cannot ${what}`, got: String(answer.error) });
    if (late) {
      this.kill();
      throw new SideTimeout({
        what: `${this.name} did not ${what} in time`,
        expected: `${limitSeconds} s at most`,
        got: 'no answer',
        next: 'raise the limit with --limit, or choose a smaller --batch',
      });
    }
    throw new SideError({
      what: `${this.name} ended before it could ${what}`,
      got: [this.#ended, ...this.#log].join('\n'),
    });
  }

  /** Asks the side to end and report its last numbers (`peakRssMiB`), and waits until the process has exited. */
  async end(): Promise<Answer> {
    const last = await this.ask('end', 60);
    if (this.#ended === undefined) await Promise.race([once(this.#child, 'close'), sleep(10_000)]);
    this.kill();
    return last;
  }

  kill(): void {
    if (this.#ended === undefined) this.#child.kill('SIGKILL');
  }
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms).unref());

function objectOf(line: string): Answer | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Answer;
  } catch {
    return undefined;
  }
}
