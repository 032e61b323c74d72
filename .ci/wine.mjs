// @ts-check
/*
 * Runs Paperweight with Node for Windows under Debian's Wine: the README's two commands, doctor, a training, its
 * continuation, an evaluation, and the tests of the parts that depend on the system, with oneDNN's DLL as setup fetches it.
 * `node .ci/wine.mjs files/lock` runs only these tests.
 */
import { Job } from './job.mjs';
import { openWindows, windowsPath } from './windows.mjs';

/** Tests say themselves what Wine, or Windows, cannot do. */
const TESTS = [
  // Finding the DLL, what it lacks, its threads and its memory.
  'scripts/windows-onednn',
  'backend/onednn/library/places',
  'backend/onednn/library/dll',
  'backend/onednn/library/threads',
  'backend/onednn/library/memory',
  'backend/faster-engine',
  // Files: whole ones, locks, renames, paths in messages.
  'files/atomic',
  'files/line-file',
  'files/lock',
  'files/rename',
  'interop/safetensors/checked',
  'data/untar',
  'data/read-image',
  'data/images/image-folder',
  'data/loader',
  'files/system/remove',
  'files/system/windows-name',
  'errors/shell-word',
  'backend/onednn/kernel-cache',
  // Runs, and what stops them.
  'run/run-folder',
  'run/control',
  'train/resume',
  'train/lost-device',
  'serve/runs',
  'cli/terminal/interrupt',
  'cli/signals',
  'cli/options/options',
  'cli/weights',
  'cli/paths',
  // What computes.
  'backend/onednn/dnnl',
  'backend/onednn/conformance',
  'backend/wasm/conformance',
  'backend/wasm/wasm',
];

const { job, cwd, env, otherEnv, command } = await openWindows('wine');
job.tries = 2;
const chosen = process.argv.slice(2);
if (chosen.length === 0) await commands();
for (const name of chosen.length > 0 ? chosen : TESTS)
  await job.run(name, command(...Job.test(name)), { cwd, env }, job.tests());
job.stopAll();
job.end();

async function commands() {
  const npm = windowsPath(job.package('npm', '10.9.4', 'bin/npm-cli.js'));
  /** @param {string} what @param {RegExp} expected in the output @param {string} args of the program @param {string} program */
  const run = (what, expected, args, program = 'dist/src/cli/main.js') =>
    job.run(what, command(program, ...args.split(' ')), { cwd, env: otherEnv }, (code, output) =>
      code === 0 && expected.test(output) ? undefined : `expected ${expected}`,
    );
  const small = '--dataset shapes10 --batch-size 8 --eval-limit 20';
  const first = `start -- ${small} --hidden 256 --max-steps 2 --run runs/first`;
  await run('npm start', /The run is in runs\\first;/, first, npm);
  await run('npm test', /^ℹ fail 0$/m, 'test -- files/rename', npm);
  await run('doctor finds the DLL', /^engine +onednn 2\.6\.0 \(.*Jörg & 王.*\\dnnl\.dll\)$/m, 'doctor');
  const train = `train --paper resnet ${small} --run runs/a --max-steps 3`;
  await run('train with the DLL', /The run is in runs\\a;/, train);
  await run('train --resume', /\b5\/5 steps/, 'train --resume --run runs/a --max-steps 5');
  await run('eval on wasm', /accuracy/i, 'eval runs/a --device wasm --eval-limit 20');
}
