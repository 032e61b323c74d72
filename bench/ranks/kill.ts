import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { resultHead } from '../../src/bench/machine.js';
import { killRanks } from '../../test/distributed/kill.js';
import { launchers } from '../../test/distributed/launch.js';

/*
 * Kills a random rank of a distributed training at a random time, resumes the run with all ranks or with those that are
 * left, and compares the end with an unbroken run; with every launcher that is installed:
 *
 *   node dist/bench/ranks/kill.js [--kills 60] [--seed 1] [--json FILE]
 *
 * Fails if a run is lost: if a job does not end with an error after a kill, or does not continue from its last checkpoint.
 * Runs that always resume on all ranks have to give the same bits as the unbroken one.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const parts = launchers.flatMap((launcher) => [true, false].map((left) => ({ launcher, left })));
const results = [];
let kept = 0;
let lost = 0;
for (const [i, { launcher, left }] of parts.entries()) {
  const folder = mkdtempSync(join(tmpdir(), 'paperweight-kill-ranks-'));
  try {
    const kills = Math.ceil(Number(values.kills) / parts.length);
    const seed = Number(values.seed) + i;
    const note = (text: string) => console.log(`${launcher.name}: ${text}`);
    const found = await killRanks(folder, { launcher, kills, seed, left, note });
    results.push({ launcher: launcher.name, resumedOn: left ? 'all or those left' : 'all', ...found });
    kept += found.kept;
    lost += found.lost.length + Number(!left && found.distance !== 0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
console.log(JSON.stringify(results, null, 2));
console.log(`${kept + lost} kills: ${kept} kept, ${lost} lost`);
if (values.json) {
  const head = { what: 'reliability-kill-ranks', ...resultHead(1) };
  writeFileSync(values.json, `${JSON.stringify({ ...head, kept, lost, results }, null, 2)}\n`);
}
if (lost > 0) process.exitCode = 1;
