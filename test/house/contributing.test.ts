import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { codeFiles } from './imports.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const text = readFileSync(`${ROOT}CONTRIBUTING.md`, 'utf8');
/** Rows of the table: what is new, the number of places, the places. Sentences after them name further ones. */
const rows = [...text.matchAll(/^\| (?<what>[^|]+) \| (?<count>\d+): (?<places>.*?)(?:\. .*)? \|$/gm)];

it('docs/architecture.md names files that exist', () => {
  const files = ['src', 'test'].flatMap((folder) => codeFiles(ROOT, folder));
  const named = [
    ...readFileSync(`${ROOT}docs/architecture.md`, 'utf8').matchAll(/`([\w./-]+\.(?:ts|tsx))`/g),
  ].map(([, name]) => name!);
  assert.ok(named.length > 60);
  assert.deepEqual(
    named.filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`))),
    [],
  );
});

/** Files that only advise on the learning rate: they do not pass it on. */
const ADVICE = ['src/cli/train/batch-per-rank.ts', 'src/cli/train/run.ts'];

it('--lr passes through few files from the command line to the update', () => {
  const onTheWay =
    /^src\/(?:cli\/(?:train|options)|train\/(?:optimizer|method)|run\/config|optim\/(?:\w|-)+\.ts|optim\/optimizers\/(?:rule|sgd)\.ts|optim\/schedules\/timed)/;
  const mentions = (file: string): boolean =>
    readFileSync(`${ROOT}${file}`, 'utf8')
      .replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|'[^'\n]*'|`[^`]*`/g, '')
      .match(/\blr\b/) !== null;
  const files = codeFiles(ROOT, 'src').filter(
    (file) => onTheWay.test(file) && !ADVICE.includes(file) && mentions(file),
  );
  // And the paper's recipe.
  const count = files.length + 1;
  assert.ok(count <= 8, files.join(', '));
  assert.match(text, new RegExp(`${count} files define or change the value of .--lr`));
});

describe('CONTRIBUTING.md', () => {
  it('counts the places of each row', () => {
    assert.ok(rows.length >= 12, `${rows.length} rows`);
    for (const { groups } of rows)
      assert.equal(groups!.places!.split('; ').length, Number(groups!.count), groups!.what);
  });

  it('names files and folders that exist', () => {
    const paths = [...text.matchAll(/`((?:src|test|fuzz|docs|bench)\/[^`<*\s]*)`/g)].map(([, path]) => path!);
    assert.ok(paths.length > 30);
    assert.deepEqual(
      paths.filter((path) => !existsSync(`${ROOT}${path}`)),
      [],
    );
  });
});
