import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Coverage } from './coverage.js';
import { tryInput } from './outcome.js';
import type { Target } from './target.js';
import { nameOf } from './watchdog.js';

/** Compiled code is one level deeper than its source. */
const FOLDER = fileURLToPath(new URL('../../test/fixtures/fuzz/', import.meta.url));
/** Maximum number of files and bytes of a target's corpus in the repository, without regression inputs. */
const [MOST_FILES, MOST_BYTES, MOST_BYTES_EACH] = [12, 5000, 1500];
/** Names of regression inputs, which are never removed. */
const NAMED = /^bug-/;

/** A target's corpus in the repository. */
export function keptInputs(target: string): { name: string; input: Uint8Array }[] {
  const folder = join(FOLDER, target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, input: Uint8Array.from(readFileSync(join(folder, name))) }));
}

/** Saves a small subset of a corpus that reaches nearly the same kinds of outcomes. */
export async function keepInputs(
  target: Target,
  corpus: readonly Uint8Array[],
  coverage: Coverage,
): Promise<void> {
  const folder = join(FOLDER, target.name);
  mkdirSync(folder, { recursive: true });
  for (const { name } of keptInputs(target.name)) if (!NAMED.test(name)) rmSync(join(folder, name));
  coverage.forget();
  const kinds = new Set<string>();
  const small = corpus.filter(({ length }) => length <= MOST_BYTES_EACH).sort((a, b) => a.length - b.length);
  let [files, bytes] = [0, 0];
  for (const input of small) {
    if (files === MOST_FILES || bytes + input.length > MOST_BYTES) break;
    coverage.skip();
    const { kind } = await tryInput(target, input);
    if (!coverage.grew(true) && kinds.has(kind)) continue;
    kinds.add(kind);
    writeFileSync(join(folder, nameOf(input)), input);
    files++;
    bytes += input.length;
  }
}
