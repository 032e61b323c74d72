import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const text = readFileSync(`${ROOT}CONTRIBUTING.md`, 'utf8');
/** Rows of the table: what is new, the number of places, the places. Sentences after them name further ones. */
const rows = [...text.matchAll(/^\| (?<what>[^|]+) \| (?<count>\d+): (?<places>.*?)(?:\. .*)? \|$/gm)];

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
