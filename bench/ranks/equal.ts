import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { resultHead } from '../../src/bench/machine.js';
import { alexNet, equality, resNet } from '../../test/distributed/equality.js';
import { launchers, runChild } from '../../test/distributed/launch.js';

/*
 * Compares 20 steps on 1, 2 and 4 ranks, resumed ones included, whole batches and batches in blocks, AlexNet's towers on two
 * ranks, and evaluations on 1, 2 and 3:
 *
 *   node dist/bench/ranks/equal.js [--hidden 512] [--batch-size 32] [--seeds 5] [--launcher mpich] [--only WORDS] \
 *     [--json FILE]
 *
 * AlexNet trains on CIFAR-10 from the folder in PAPERWEIGHT_CIFAR10, otherwise on drawn images, with several seeds: a
 * rounding can choose another maximum of a pooling window, or move a value over the kink of ReLU. In float64 that does not
 * happen; batches are small there, because the reference engine is slow. --only float64,towers makes the comparisons with
 * one of these words in their names; the file keeps its other results.
 */
const { values } = parseArgs({
  options: {
    hidden: { type: 'string', default: '512' },
    'batch-size': { type: 'string', default: '32' },
    seeds: { type: 'string', default: '5' },
    launcher: { type: 'string', default: 'mpich' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});
const batchSize = Number(values['batch-size']);
const launcher = launchers.find(({ command }) => command.includes(values.launcher));
if (!launcher) throw new Error(`no launcher with ${values.launcher} in its name is installed`);
const folder = mkdtempSync(join(tmpdir(), 'paperweight-equal-'));
type Comparison = [given: Parameters<typeof equality>[2], options: Parameters<typeof equality>[3]];
try {
  const known = values.json && existsSync(values.json) ? readFileSync(values.json, 'utf8') : '{}';
  const { parts = {} } = JSON.parse(known) as { parts?: Record<string, object> };
  const words = values.only.toLowerCase().split(',');
  /** Makes a comparison, unless it is left out, and saves it. */
  const part = async (name: string, make: () => Promise<object>): Promise<void> => {
    if (!words.some((word) => name.toLowerCase().includes(word))) return;
    parts[name] = { date: new Date().toISOString(), ...(await make()) };
    console.log(JSON.stringify({ [name]: parts[name] }));
    const head = { what: 'equal-ranks', ...resultHead(1), launcher: launcher.name, batchSize };
    if (values.json) writeFileSync(values.json, `${JSON.stringify({ ...head, parts }, null, 2)}\n`);
  };
  const compare = (...[name, given, options]: [string, ...Comparison]): Promise<void> =>
    part(name, () =>
      equality(join(folder, name), launcher, given, {
        ...options,
        note: (text) => console.error(`${name}: ${text}`),
      }),
    );
  const cifar10 = process.env.PAPERWEIGHT_CIFAR10;
  const net = { ...alexNet(Number(values.hidden), batchSize), ...(cifar10 ? { cifar10 } : {}) };
  for (let seed = 1; seed <= Number(values.seeds); seed++) {
    const given = { ...net, config: { ...net.config, seed } };
    const blocks = { ...given, config: { ...given.config, blocks: 4 } };
    // What is resumed and what a mistake would do needs one seed only.
    const first = seed === 1;
    const more = first ? {} : { resumed: [] };
    await compare(`alexnetSeed${seed}`, given, {
      ...more,
      controls: first ? ['unshifted', 'nudged'] : ['nudged'],
    });
    await compare(`alexnetInBlocksSeed${seed}`, blocks, more);
    await compare(`towersSeed${seed}`, { ...given, parallel: 'towers' }, { ranks: [2], ...more });
  }
  const small = { ...alexNet(64, 8), double: true };
  await compare('alexnetInFloat64', small, { controls: ['unshifted'] });
  await compare('towersInFloat64', { ...small, parallel: 'towers' }, { ranks: [2] });
  await compare('resnet', resNet(32, true), {});
  await compare('resnetWithRelu', resNet(32, false), { ranks: [2], resumed: [2], controls: ['nudged'] });
  await part('evaluation', async () => {
    const found: string[] = [];
    for (const ranks of [1, 2, 3]) {
      const { code, stdout, stderr } = await runChild(launcher, ranks, 'evaluate', ['10000', '9999']);
      if (code !== 0) throw new Error(stderr);
      found.push(stdout.trim());
    }
    const same = found.every((text) => text === found[0]);
    return { same, found: JSON.parse(found[0]!) as object };
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
