// @ts-check
/*
 * How fast training is under Wine, beside Linux on the same machine: the same network, threads and type, in turns. Not a
 * part of .ci/run:
 *
 *   node .ci/wine-speed.mjs [rounds] [networks of steps.mjs]
 */
import { Job } from './job.mjs';
import { readTests } from './reporter.mjs';
import { openWindows } from './windows.mjs';

const [rounds = '5', ...networks] = process.argv.slice(2);
const { job, cwd, env, command } = await openWindows('wine-speed', '--omit=dev');
/** The same code, which nobody changes meanwhile. */
const native = new Job('wine-speed-linux', []);
const own = {
  cwd: native.clone('--omit=dev'),
  env: { ...process.env, PAPERWEIGHT_KERNELS: 'fixed' },
};

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
for (const network of networks.length > 0 ? networks : ['resnet20', 'alexnet']) {
  /** @type {Record<'linux' | 'windows', Step[]>} */
  const steps = { linux: [], windows: [] };
  const args = ['.ci/steps.mjs', network, 'onednn', '2', '10'];
  for (let round = 0; round < Number(rounds); round++) {
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
native.clean();
job.end();
