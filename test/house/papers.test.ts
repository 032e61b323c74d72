import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { OPTIMIZER_NAMES } from '../../src/optim/by-name.js';
import { openPaper, paperIds } from '../../src/papers/registry.js';
import { importsOf, sourceFiles } from './imports.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const papers = await Promise.all(paperIds().map((id) => openPaper(id)));
/** Files in the folders of papers. */
const folders = new RegExp(`^src/papers/(?:${papers.map(({ id }) => id).join('|')})/`);

/** Lines of the given sources that match a pattern. */
function found(where: (file: string) => boolean, pattern: RegExp): string[] {
  return sourceFiles(ROOT, 'src')
    .filter(where)
    .flatMap((file) =>
      readFileSync(`${ROOT}${file}`, 'utf8')
        .split('\n')
        .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
    );
}

describe('a paper', () => {
  it('is named only in its own folder', () => {
    assert.ok(papers.length >= 2);
    for (const { id, name } of papers) {
      // A paper about an optimizer shares its name with the library's own, which recipes of other papers may use.
      const isOptimizer = OPTIMIZER_NAMES.some((known) => known === id);
      const names = [id, name].map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
      assert.deepEqual(
        found(
          // The networks of `bench suite` are programs of their own.
          (file) =>
            !file.startsWith(`src/papers/${id}/`) &&
            !file.startsWith('src/bench/suite/nets/') &&
            !(isOptimizer && (file.startsWith('src/optim/') || folders.test(file))),
          new RegExp(`\\b(?:${names})(?![a-z])`, 'i'),
        ),
        [],
      );
    }
  });

  it('imports nothing of another paper', () => {
    const folderOf = (file: string) => folders.exec(file)?.[0];
    const wrong = importsOf(ROOT, sourceFiles(ROOT, 'src/papers')).filter(
      ({ from, to }) => folders.test(from) && folders.test(to) && folderOf(from) !== folderOf(to),
    );
    assert.deepEqual(wrong, []);
  });

  it('is cited in full where code of other folders comes from it', () => {
    // The words may be on two lines of a comment.
    const cited =
      /\bpaper(?:['’]s)?,?[\s*/]+(?:(?:figure|section|table|equation)[\s*/]*\d|formula|mean\b)[^\n]*/gi;
    const files = sourceFiles(ROOT, 'src').filter((file) => !folders.test(file));
    assert.deepEqual(
      files.flatMap((file) =>
        [...readFileSync(`${ROOT}${file}`, 'utf8').matchAll(cited)].map(([text]) => `${file}: ${text}`),
      ),
      [],
    );
  });

  it('has presets, recipes and initialisations that nothing outside its folder uses', () => {
    assert.deepEqual(
      found((file) => !folders.test(file), /\b(?:preset|recipe|init)\s*[!=]==?\s*['"`]/),
      [],
    );
  });
});
