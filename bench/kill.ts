import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { resultHead } from '../src/bench/machine.js';
import { type KillCounts, killAtRandom } from '../test/support/kill.js';

/*
 * Kills training processes at random times, resumes them, and compares the results with an uninterrupted run:
 *
 *   node dist/bench/kill.js [--kills 200] [--seed 1] [--json FILE]
 *
 * Fails at the first run that is not bitwise equal. With --json the counts are added to those in the file, so that many
 * short calls with different seeds make one result.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'paperweight-kill-'));
try {
  const counts = await killAtRandom(folder, { kills: Number(values.kills), seed: Number(values.seed) });
  console.log(JSON.stringify(counts));
  if (values.json) {
    const head = { what: 'reliability-kill', ...resultHead(1) };
    const known = existsSync(values.json) ? JSON.parse(readFileSync(values.json, 'utf8')) : {};
    const total = { ...known, ...head, seeds: [...(known.seeds ?? []), Number(values.seed)] };
    for (const [name, value] of Object.entries(counts) as [keyof KillCounts, number][])
      total[name] = name === 'mostStepsLost' ? Math.max(known[name] ?? 0, value) : (known[name] ?? 0) + value;
    writeFileSync(values.json, `${JSON.stringify(total, null, 2)}\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
