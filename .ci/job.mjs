// @ts-check
/* What the jobs for other systems share: they skip with a reason, run one command at a time, and end in bounded time. */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Minutes after which nothing more is started, and after which one command counts as hanging. */
const [ALL, ONE] = [4, 2];

export const cache = path.join(
  process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache'),
  'paperweight',
);

/** @param {string} command @param {string[]} args @param {object} [options] */
export const succeeds = (command, args, options = {}) =>
  spawnSync(command, args, { stdio: 'ignore', ...options }).status === 0;

export class Job {
  /** A folder of its own, which is removed at the end. */
  folder;
  #deadline = Date.now() + ALL * 60_000;
  #failures = 0;

  /** @param {string} name @param {readonly string[]} target npm's flags for the other system */
  constructor(name, target) {
    this.name = name;
    this.npm = ['--silent', '--ignore-scripts', '--no-audit', '--no-fund', ...target];
    this.folder = mkdtempSync(path.join(os.tmpdir(), `paperweight-${name}-`));
    mkdirSync(cache, { recursive: true });
  }

  /** @param {string} text */
  say(text) {
    console.log(`${this.name}: ${text}`);
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
    const apt = (/** @type {string[]} */ ...args) => succeeds('apt-get', ['-qq', ...args], { env });
    if (!apt('update') || !apt('install', '-y', '--no-install-recommends', name))
      this.skip(`apt-get could not install ${name}`);
  }

  /** Node for the other system, as npm has it. @param {string} name @param {string} version @param {string} program */
  node(name, version, program) {
    const prefix = path.join(cache, name);
    const file = path.join(prefix, 'node_modules', name, 'bin', program);
    // Without --force npm refuses a package for another system.
    const args = ['install', '--force', ...this.npm, '--prefix', prefix, `${name}@${version}`];
    if (!existsSync(file) && !succeeds('npm', args)) this.skip(`npm could not bring ${name}`);
    return file;
  }

  /** The compiled code with the packages of the other system, in a folder of its own. */
  clone() {
    const to = path.join(this.folder, 'clone');
    for (const name of ['dist', 'test/fixtures', 'package.json', 'package-lock.json'])
      cpSync(path.join(ROOT, name), path.join(to, name), { recursive: true });
    if (!succeeds('npm', ['ci', ...this.npm, '--omit=dev'], { cwd: to }))
      this.skip('npm could not bring the packages');
    return to;
  }

  /**
   * Runs a command, and judges how it ended. Its output goes to a file, since Wine's programs cannot use Linux' pipes.
   *
   * @param {string} what
   * @param {string[]} command
   * @param {{ cwd: string, env: NodeJS.ProcessEnv }} options
   * @param {(code: number | string, output: string) => string | undefined} judge what is wrong
   */
  async run(what, [program = '', ...args], options, judge) {
    if (Date.now() > this.#deadline) return this.say(`left out, since ${ALL} minutes are over: ${what}`);
    const file = path.join(this.folder, 'output');
    const out = openSync(file, 'w');
    const child = spawn(program, args, { ...options, stdio: ['ignore', out, out] });
    const timer = setTimeout(() => child.kill('SIGKILL'), ONE * 60_000);
    const code = await new Promise((resolve) => {
      child.once('error', ({ message }) => resolve(message));
      child.once('close', (status, signal) => resolve(status ?? signal ?? 'error'));
    });
    clearTimeout(timer);
    closeSync(out);
    const output = readFileSync(file, 'utf8');
    const problem = judge(code, output);
    this.judge(what, problem && `${problem}, exit code ${code}`);
    if (problem !== undefined) console.log(output.split('\n').slice(-60).join('\n'));
  }

  /** Prints how something ended. @param {string} what @param {string | undefined} problem */
  judge(what, problem) {
    this.say(problem === undefined ? `ok: ${what}` : `FAILED: ${what}: ${problem}`);
    if (problem !== undefined) this.#failures++;
  }

  /** The judgement of a test file. @param {Readonly<Record<string, string>>} [known] tests that cannot pass, and why */
  tests(known = {}) {
    return (/** @type {number | string} */ _, /** @type {string} */ output) => {
      const failed = [...output.matchAll(/^not ok \d+ - ((?:(?! # SKIP).)*)$/gm)].map(
        ([, text]) => text ?? '',
      );
      for (const text of failed)
        if (known[text] !== undefined) this.say(`cannot pass here: ${text}: ${known[text]}`);
      const others = failed.filter((text) => known[text] === undefined);
      if (others.length > 0) return others.join('; ');
      return /^# fail \d+$/m.test(output) ? undefined : 'it did not end';
    };
  }

  clean() {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10 });
  }

  end() {
    this.clean();
    this.say(this.#failures === 0 ? 'no failures' : `${this.#failures} failures`);
    process.exitCode = this.#failures === 0 ? 0 : 1;
  }
}
