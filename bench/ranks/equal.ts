import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { resultHead } from '../../src/bench/machine.js';
import { alexNet, equality, resNet } from '../../test/distributed/equality.js';
import { launchers, runChild } from '../../test/distributed/launch.js';

/*
 * Compares 20 steps on 1, 2 and 4 ranks, resumed ones included, AlexNet's towers on two, and evaluations on 1, 2 and 3:
 *
 *   node dist/bench/ranks/equal.js [--hidden 512] [--batch-size 32] [--seeds 5] [--launcher mpich] [--json FILE]
 *
 * AlexNet trains on CIFAR-10 from the folder in PAPERWEIGHT_CIFAR10, otherwise on drawn images, with several seeds: a
 * rounding can choose another maximum of a pooling window, or move a value over the kink of ReLU. In float64 that does not
 * happen; batches are small there, because the reference engine is slow.
 */
const { values } = parseArgs({
  options: {
    hidden: { type: 'string', default: '512' },
    'batch-size': { type: 'string', default: '32' },
    seeds: { type: 'string', default: '5' },
    launcher: { type: 'string', default: 'mpich' },
    json: { type: 'string' },
  },
});
const batchSize = Number(values['batch-size']);
const launcher = launchers.find(({ command }) => command.includes(values.launcher));
if (!launcher) throw new Error(`no launcher with ${values.launcher} in its name is installed`);
const folder = mkdtempSync(join(tmpdir(), 'paperweight-equal-'));
type Comparison = [given: Parameters<typeof equality>[2], options: Parameters<typeof equality>[3]];
try {
  const parts: Record<string, object> = {};
  const compare = async (...[name, given, options]: [string, ...Comparison]): Promise<void> => {
    parts[name] = await equality(join(folder, name), launcher, given, {
      ...options,
      note: (text) => console.error(`${name}: ${text}`),
    });
    console.log(JSON.stringify({ [name]: parts[name] }));
  };
  const cifar10 = process.env.PAPERWEIGHT_CIFAR10;
  const net = { ...alexNet(Number(values.hidden), batchSize), ...(cifar10 ? { cifar10 } : {}) };
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const given = { ...net, config: { ...net.config, seed } };
    const blocks = { ...given, config: { ...given.config, blocks: 4 } };
    // What is resumed and what a mistake would do needs one seed only.
    const first = seed === 1;
    await compare(`alexnetSeed${seed}`, given, {
      ...(first ? {} : { resumed: [] }),
      controls: first ? ['unshifted', 'nudged'] : ['nudged'],
    });
    await compare(`alexnetInBlocksSeed${seed}`, blocks, first ? {} : { resumed: [] });
  }
  const small = { ...alexNet(64, 8), double: true };
  await compare('alexnetInFloat64', small, { controls: ['unshifted'] });
  await compare('towers', { ...net, parallel: 'towers' }, { ranks: [2], controls: ['nudged'] });
  await compare('towersInFloat64', { ...small, parallel: 'towers' }, { ranks: [2] });
  await compare('resnet', resNet(32, true), {});
  await compare('resnetWithRelu', resNet(32, false), { ranks: [2], resumed: [2], controls: ['nudged'] });
  const evaluations: string[] = [];
  for (const ranks of [1, 2, 3]) {
    const { stdout } = await runChild(launcher, ranks, 'evaluate', ['10000', '9999']);
    evaluations.push(stdout.trim());
  }
  const sameEvaluation = evaluations.every((text) => text === evaluations[0]);
  console.log(JSON.stringify({ sameEvaluation, evaluation: JSON.parse(evaluations[0]!) }));
  if (values.json)
    writeFileSync(
      values.json,
      `${JSON.stringify({ what: 'equal-ranks', ...resultHead(1), launcher: launcher.name, batchSize, ...parts, sameEvaluation }, null, 2)}\n`,
    );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
