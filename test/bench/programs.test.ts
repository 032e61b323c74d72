import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { NETS } from '../../src/bench/suite/nets/index.js';

const ROOT = new URL('../../../', import.meta.url);
/** Networks that share a file with another. */
const SHARED: Readonly<Record<string, string>> = { mlpSmall: 'mlp' };

const kebab = (name: string): string => name.replace(/([A-Z])/g, '-$1').toLowerCase();

/** Lines that are not empty. */
const linesIn = (file: string): number =>
  readFileSync(new URL(file, ROOT), 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '').length;

for (const name of Object.keys(NETS).filter((net) => !(net in SHARED)))
  test(`${name} takes at most 1.3 times the lines of the same program in PyTorch`, (t) => {
    const file = kebab(name);
    const [ours, theirs] = [
      linesIn(`src/bench/suite/nets/${file}.ts`),
      linesIn(`bench/peers/suite/${file.replaceAll('-', '_')}.py`),
    ];
    t.diagnostic(`${ours} and ${theirs} lines`);
    assert.ok(theirs > 10 && ours <= 1.3 * theirs, `${ours} lines; ${theirs} in PyTorch`);
  });
