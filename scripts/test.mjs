// @ts-check
/*
 * npm test: sets up what is lacking, then runs every compiled test. `npm test -- cli data` runs the files whose
 * path has one of these words; flags go to `node --test`.
 */
import { spawn } from 'node:child_process';
import { filesBelow, isMain, ROOT, SetupError, script, setup } from './setup.mjs';

/**
 * @param {readonly string[]} sources paths such as `test/cli/help.test.ts`; a paper's test lies in its own folder
 * @param {readonly string[]} words
 * @returns {string[]} the compiled files to run
 */
export function chooseTests(sources, words) {
  return sources
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
    .map((file) => `dist/${file.slice(0, -3)}.js`);
}

/**
 * @param {string} version of Node
 * @param {number} files
 * @param {readonly string[]} [own] flags of the user's, which go before ours
 */
export function runnerFlags(version, files, own = []) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  // The oldest supported Node does not have the flag yet.
  const knows = major > 20 || (major === 20 && minor >= 10);
  return [
    '--test',
    // A second reporter would need its own destination.
    ...(own.some((flag) => flag.startsWith('--test-reporter')) ? [] : ['--test-reporter=spec']),
    ...(knows && files > 1 ? ['--test-concurrency=2'] : []),
    ...own,
  ];
}

async function main() {
  await setup();
  const args = process.argv.slice(2);
  const words = args.filter((arg) => !arg.startsWith('-'));
  const flags = args.filter((arg) => arg.startsWith('-'));
  const files = chooseTests(filesBelow(ROOT, ['test', 'src/papers']), words);
  if (files.length === 0)
    throw new SetupError(
      `No test file has ${words.map((word) => `"${word}"`).join(' or ')} in its path. Next: give a part of a name such as test/cli/options.`,
    );
  const child = spawn(
    process.execPath,
    [...runnerFlags(process.versions.node, files.length, flags), ...files],
    // Kernels are chosen by rule, not by what was faster on this machine today.
    { cwd: ROOT, stdio: 'inherit', env: { PAPERWEIGHT_KERNELS: 'fixed', ...process.env } },
  );
  // Ctrl-C comes to the runner from the terminal itself: wait for its summary. Other signals are passed on.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)));
  });
}

if (isMain(import.meta.url)) await script(main);
