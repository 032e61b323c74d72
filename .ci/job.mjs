// @ts-check
/* What the jobs for other systems share: they skip with a reason, run one command at a time, and name what hangs. */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setInterval } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { readTests } from './reporter.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/**
 * Minutes without output after which a command hangs. The slowest single test takes about one. Beside other programs,
 * which leave a command a part of the cores, a minute is longer.
 */
const SILENCE = 5;

/** The part of the time that a command has a core for itself. */
const share = () => Math.min(1, os.availableParallelism() / Math.max(1, os.loadavg()[0] ?? 1));

export const cache = path.join(
  process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'),
  'paperweight',
);

/** @param {string} command @param {string[]} args @param {object} [options] */
export const succeeds = (command, args, options = {}) =>
  spawnSync(command, args, { stdio: 'ignore', ...options }).status === 0;

/**
 * Says what is wrong with how a command ended; undefined if nothing is.
 * @typedef {(code: number | string, output: string) => string | undefined} Judge
 */

export class Job {
  /** A folder of its own, which is removed at the end. */
  folder;
  /** Of the folder of the clone. */
  cloneName = 'clone';
  #began = Date.now();
  #failures = 0;
  #repeated = /** @type {string[]} */ ([]);
  /** How often a command is tried before its failure counts: 2 where the emulator itself fails now and then. */
  tries = 1;

  /** @param {string} name @param {readonly string[]} target npm's flags for the other system */
  constructor(name, target) {
    this.name = name;
    this.npm = ['--silent', '--ignore-scripts', '--no-audit', '--no-fund', ...target];
    this.folder = mkdtempSync(path.join(os.tmpdir(), `paperweight-${name}-`));
    mkdirSync(cache, { recursive: true });
  }

  /** @param {string} text */
  say(text) {
    console.log(text.replaceAll(/^/gm, `${this.name}: `));
  }

  /** @param {string} reason @returns {never} */
  skip(reason) {
    this.say(`nothing is tested: ${reason}`);
    this.clean();
    process.exit(0);
  }

  /** Installs a package of Debian, if its program is not there. @param {boolean} there @param {string} name */
  install(there, name) {
    if (there) return;
    if (process.platform !== 'linux' || process.arch !== 'x64') this.skip('it needs Debian on x64');
    if (process.getuid?.() !== 0) this.skip(`${name} is not installed, and only root may install it`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    // Jobs run at the same time.
    const apt = (/** @type {string[]} */ ...args) =>
      succeeds('flock', [path.join(cache, 'apt.lock'), 'apt-get', '-qq', ...args], { env });
    if (!apt('update') || !apt('install', '-y', '--no-install-recommends', name))
      this.skip(`apt-get could not install ${name}`);
  }

  /** A package of npm, in a folder of its own. @param {string} name @param {string} version @param {string} file of it */
  package(name, version, file) {
    const prefix = path.join(cache, `${name}-${version}`);
    const found = path.join(prefix, 'node_modules', name, file);
    // Without --force npm refuses a package for another system.
    const args = ['install', '--force', ...this.npm, '--prefix', prefix, `${name}@${version}`];
    if (!existsSync(found) && !succeeds('npm', args)) this.skip(`npm could not bring ${name}`);
    return found;
  }

  /** A copy of this clone, with its compiled code and the packages of the other system. @param {string[]} npm more flags */
  clone(...npm) {
    const to = path.join(this.folder, this.cloneName);
    const { stdout } = spawnSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' });
    const files = stdout.split('\0').filter((file) => file !== '' && existsSync(path.join(ROOT, file)));
    for (const file of [...files, 'dist'])
      cpSync(path.join(ROOT, file), path.join(to, file), { recursive: true, preserveTimestamps: true });
    if (!succeeds('npm', ['ci', ...this.npm, ...npm], { cwd: to }))
      this.skip('npm could not bring the packages');
    return to;
  }

  /**
   * Runs a command, and judges how it ended. Its output goes to a file, since Wine's programs cannot use Linux' pipes.
   *
   * @param {string} what
   * @param {string[]} command
   * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
   * @param {Judge} judge
   */
  async run(what, command, options, judge) {
    for (let left = this.tries; left > 0; left--) {
      const { problem, code, seconds, output } = await this.#once(command, options, judge);
      const again = problem !== undefined && left > 1;
      this.judge(`${what} (${seconds} s)`, problem && `${problem}; exit code ${code}`, again);
      if (problem === undefined) return;
      this.say(readTests(output).rest.slice(-60).join('\n'));
    }
  }

  /** @param {string[]} command @param {{ cwd: string, env: NodeJS.ProcessEnv }} options @param {Judge} judge */
  async #once([program = '', ...args], options, judge) {
    const began = Date.now();
    const file = path.join(this.folder, 'output');
    const out = openSync(file, 'w');
    const child = spawn(program, args, { ...options, stdio: ['ignore', out, out] });
    let [size, silent, hangs] = [0, 0, false];
    const timer = setInterval(() => {
      const now = fstatSync(out).size;
      silent = now === size ? silent + share() : 0;
      size = now;
      if (hangs || silent < SILENCE * 60) return;
      hangs = true;
      child.kill('SIGKILL');
      this.stopAll();
    }, 1000);
    const code = await new Promise((resolve) => {
      child.once('error', ({ message }) => resolve(message));
      child.once('close', (status, signal) => resolve(status ?? signal ?? 'error'));
    });
    clearInterval(timer);
    closeSync(out);
    const output = readFileSync(file, 'utf8');
    const problem = hangs
      ? `it hangs: ${SILENCE} minutes without output${lastTest(output)}`
      : judge(code, output);
    const seconds = Math.round((Date.now() - began) / 1000);
    return { problem, code, seconds, output };
  }

  /** Ends what a killed command may have left running. */
  stopAll() {}

  /** Prints how something ended. @param {string} what @param {string | undefined} problem @param {boolean} [again] */
  judge(what, problem, again = false) {
    const failed = again ? 'failed, and is tried once more' : 'FAILED';
    this.say(problem === undefined ? `ok: ${what}` : `${failed}: ${what}: ${problem}`);
    if (problem === undefined) return;
    if (again) this.#repeated.push(what);
    else this.#failures++;
  }

  /** Flags with which node runs a test file that {@link Job.tests} judges, in a clone. @param {string} name */
  static test = (name) => ['--test-reporter=./.ci/reporter.mjs', `dist/test/${name}.test.js`];

  /** The judgement of a test file. @returns {Judge} */
  tests() {
    return (code, output) => {
      const { tests } = readTests(output);
      for (const { test, name, text } of tests)
        if (test === 'skipped') this.say(`not tested here: ${name}: ${text}`);
      const failed = tests.filter(({ test }) => test === 'failed');
      if (failed.length > 0) return failed.map(({ name, text }) => `\n${name}: ${text}`).join('');
      if (tests.at(-1)?.test !== 'end') return `it did not end${lastTest(output)}`;
      if (code !== 0) return 'it failed after its last test';
      const passed = tests.filter(({ test }) => test === 'passed').length;
      if (passed === 0) return 'no test passed';
      this.say(`${passed} tests passed`);
      return undefined;
    };
  }

  clean() {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  end() {
    this.clean();
    if (this.#repeated.length > 0) this.say(`failed at the first try: ${this.#repeated.join(', ')}`);
    const minutes = ((Date.now() - this.#began) / 60_000).toFixed(1);
    this.say(`${this.#failures === 0 ? 'no failures' : `${this.#failures} failures`}, ${minutes} minutes`);
    process.exitCode = this.#failures === 0 ? 0 : 1;
  }
}

/** Which test was running when the output ended. @param {string} output */
function lastTest(output) {
  const { tests } = readTests(output);
  const ended = new Set(tests.filter(({ test }) => test !== 'began').map(({ name }) => name));
  const running = tests.filter(({ test, name }) => test === 'began' && !ended.has(name)).at(-1);
  if (running) return `, in the test: ${running.name}`;
  const last = tests.at(-1);
  return last ? `, after the test: ${last.name}` : '';
}
