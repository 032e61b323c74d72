import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { resultHead } from '../src/bench/machine.js';
import { alexNet, equality, resNet } from '../test/distributed/equality.js';
import { launchers, runChild } from '../test/distributed/launch.js';

/*
 * Compares 20 steps on 1, 2 and 4 ranks, resumed ones included, and evaluations on 1, 2 and 3:
 *
 *   node dist/bench/equal-ranks.js [--hidden 4096] [--batch-size 32] [--json FILE]
 */
const { values } = parseArgs({
  options: {
    hidden: { type: 'string', default: '4096' },
    'batch-size': { type: 'string', default: '32' },
    json: { type: 'string' },
  },
});
const batchSize = Number(values['batch-size']);
const launcher = launchers.at(-1)!;
const folder = mkdtempSync(join(tmpdir(), 'paperweight-equal-'));
const note = (name: string) => console.error(name);
try {
  const alexnet = await equality(
    join(folder, 'alexnet'),
    launcher,
    alexNet(Number(values.hidden), batchSize),
    {
      controls: ['unshifted'],
      note,
    },
  );
  console.log(JSON.stringify({ alexnet }));
  const resnet = await equality(join(folder, 'resnet'), launcher, resNet(batchSize, true), { note });
  console.log(JSON.stringify({ resnet }));
  const withRelu = await equality(join(folder, 'relu'), launcher, resNet(batchSize, false), {
    ranks: [2],
    resumed: [2],
    controls: ['nudged'],
    note,
  });
  console.log(JSON.stringify({ withRelu }));
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
      `${JSON.stringify({ what: 'equal-ranks', ...resultHead(1), launcher: launcher.name, alexnet, resnet, withRelu, sameEvaluation }, null, 2)}\n`,
    );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
