import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { ResultFolder } from '../../../src/papers/claims/result.js';
import { writeTables } from '../../../src/papers/claims/table.js';
import { openPaper, paperFolder, paperIds } from '../../../src/papers/registry.js';
import { writeCharts } from '../../../src/report/charts.js';
import { scratch } from '../../support/toy.js';

/** A figure without its colours, which do not depend on results. */
const withoutStyle = (text: string): string => text.replace(/<style>.*?<\/style>/s, '');

for (const id of paperIds())
  test(`${id}’s tables of claims and charts are those that its results give`, async (t) => {
    const [paper, own, folder] = [await openPaper(id), paperFolder(id), await scratch(t)];
    const results = await ResultFolder.open(join(own, 'results'), id);
    const notes = ['notes.md', 'notes.zh.md'].filter((name) => existsSync(join(own, name)));
    for (const name of notes) await copyFile(join(own, name), join(folder, name));
    const [pages, figures] = [join(folder, 'results'), join(folder, 'figures')];
    await writeTables(paper, results, pages, folder);
    await writeCharts(paper, results, figures);
    const written = [
      ...notes,
      ...(await readdir(pages)).map((name) => join('results', name)),
      ...(await readdir(figures))
        .filter((name) => name.endsWith('.svg'))
        .map((name) => join('figures', name)),
    ];
    for (const name of written)
      assert.equal(
        withoutStyle(await readFile(join(own, name), 'utf8')),
        withoutStyle(await readFile(join(folder, name), 'utf8')),
        `${name} is not what the results give: run paperweight reproduce ${id}`,
      );
  });
