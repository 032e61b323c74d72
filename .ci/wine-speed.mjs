// @ts-check
/*
 * How fast training is under Wine, beside Linux on the same machine: the same network, threads and type, in turns. Not a
 * part of .ci/run:
 *
 *   node .ci/wine-speed.mjs [rounds]
 */
import { readTests } from './reporter.mjs';
import { openWindows } from './windows.mjs';

const rounds = Number(process.argv[2] ?? 5);
const { job, cwd, env, command } = await openWindows('wine-speed', '--omit=dev');

/** @typedef {{ cpu: number, wall: number, version: string }} Step */

/** @param {string} what @param {string[]} program @param {object} options @returns {Promise<Step>} */
async function measure(what, program, options) {
  /** @type {Step | undefined} */
  let step;
  await job.run(what, program, { cwd, env, ...options }, (code, output) => {
    const line = readTests(output).rest.find((text) => text.startsWith('{"network"'));
    if (line) step = JSON.parse(line);
    return code === 0 && step ? undefined : 'it printed no times';
  });
  return step ?? job.skip('there is nothing to compare');
}

const median = (/** @type {number[]} */ values) =>
  values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
for (const network of ['resnet20', 'alexnet']) {
  /** @type {Record<'linux' | 'windows', Step[]>} */
  const steps = { linux: [], windows: [] };
  const args = ['.ci/steps.mjs', network, 'onednn', '2', '10'];
  const own = { cwd: process.cwd(), env: { ...process.env, PAPERWEIGHT_KERNELS: 'fixed' } };
  for (let round = 0; round < rounds; round++) {
    steps.linux.push(await measure(`${network}, Linux`, [process.execPath, ...args], own));
    steps.windows.push(await measure(`${network}, Windows`, command(...args), {}));
  }
  for (const of of /** @type {const} */ (['cpu', 'wall'])) {
    const [linux, windows] = [steps.linux, steps.windows].map((all) => median(all.map((step) => step[of])));
    const name = of === 'cpu' ? 'processor time' : 'clock';
    job.say(
      `${network}: ${name} of a step ${linux?.toFixed(0)} ms on Linux, ${windows?.toFixed(0)} ms under Wine: ${((windows ?? 0) / (linux ?? 1)).toFixed(2)} times`,
    );
  }
}
job.stopAll();
job.end();
