import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonLines, runCli } from '../cli.js';

/** The bytes of all files in a folder of a run. */
export async function bytesIn(run: string, folder: string): Promise<Record<string, string>> {
  const names = (await readdir(join(run, folder))).sort();
  const files = names.map(async (name) => [
    name,
    (await readFile(join(run, folder, name))).toString('base64'),
  ]);
  return Object.fromEntries(await Promise.all(files));
}

/** What a run has measured, without times and memory. */
export async function measuredIn(run: string): Promise<unknown[]> {
  return jsonLines(await readFile(join(run, 'metrics.jsonl'), 'utf8'))
    .filter(({ event }) => event !== 'done')
    .map(
      ({ imagesPerSecond: _, stepSeconds: __, dataSeconds: ___, rssMiB: ____, seconds: _____, ...rest }) =>
        rest,
    );
}

/**
 * Trains until the end on the reference device, killed without warning after each of these numbers of steps.
 * @param paper its id, or its folder
 */
export async function trainKilled(
  { paper, run, env = {} }: { paper: string; run: string; env?: Readonly<Record<string, string>> },
  flags: readonly string[],
  kills: readonly number[],
): Promise<void> {
  for (const [i, at] of [...kills, Number.POSITIVE_INFINITY].entries()) {
    const start = ['--paper', paper, ...(i === 0 ? flags : ['--resume'])];
    const { code, stderr } = await runCli(
      ['train', ...start, '--run', run, '--json', '--device', 'reference'],
      {
        env,
        onStart: (child) => {
          let steps = 0;
          child.stdout!.on('data', (text: string) => {
            steps += text.split('"event":"step"').length - 1;
            if (steps >= at) child.kill('SIGKILL');
          });
        },
      },
    );
    assert.equal(code, at === Number.POSITIVE_INFINITY ? 0 : null, stderr);
  }
}
