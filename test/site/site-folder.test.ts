import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { SiteFolder } from '../../src/site/site-folder.js';
import { scratch } from '../support/toy.js';
import { filesOf } from './html.js';

const NOW = '2026-01-02T03:04:05.000Z';
const LATER = '2026-02-03T04:05:06.000Z';
const LIST = '.paperweight-site.json';

const pieces = (files: Readonly<Record<string, string>>) =>
  Object.entries(files).map(([path, text]) => ({ path, bytes: Buffer.from(text) }));

async function write(out: string, files: Readonly<Record<string, string>>, now = NOW) {
  return (await SiteFolder.open(out)).write(pieces(files), now);
}

const PAGES = { 'index.html': 'first', 'papers/a.html': 'a', 'assets/site.css': 'css' };

describe('the folder of a site', () => {
  it('is made, and written again only where it differs', async (t) => {
    const out = join(await scratch(t), 'deep/site');
    assert.deepEqual(await write(out, PAGES), { written: 3, removed: 0 });
    assert.deepEqual(await write(out, PAGES), { written: 0, removed: 0 });
    assert.deepEqual(await write(out, { ...PAGES, 'papers/a.html': 'b' }, LATER), { written: 1, removed: 0 });
    const { files } = JSON.parse(readFileSync(join(out, LIST), 'utf8'));
    assert.equal(files['index.html'].since, NOW);
    assert.equal(files['papers/a.html'].since, LATER);
  });

  it('keeps foreign files, and repairs its own', async (t) => {
    const out = join(await scratch(t), 'site');
    await write(out, PAGES);
    writeFileSync(join(out, 'CNAME'), 'example.org\n');
    mkdirSync(join(out, '.git'));
    rmSync(join(out, 'index.html'));
    writeFileSync(join(out, 'papers/mine.html'), 'mine');
    await write(out, { 'index.html': 'first' });
    assert.deepEqual(filesOf(out), [LIST, 'CNAME', 'index.html', 'papers/mine.html']);
    assert.ok(existsSync(join(out, '.git')));
    await write(out, PAGES);
    writeFileSync(join(out, 'papers/a.html'), 'b');
    assert.deepEqual(await write(out, PAGES), { written: 1, removed: 0 });
    assert.equal(readFileSync(join(out, 'papers/a.html'), 'utf8'), 'a');
  });

  it('refuses files, folders and links of others in its way, before anything is written', async (t) => {
    const folder = await scratch(t);
    const elsewhere = await scratch(t);
    const out = join(folder, 'site');
    for (const obstacle of [
      () => symlinkSync(elsewhere, join(out, 'assets')),
      () => symlinkSync(join(elsewhere, 'x'), join(out, 'index.html')),
      () => writeFileSync(join(out, 'index.html'), 'mine'),
      () => writeFileSync(join(out, 'papers'), 'mine'),
      () => mkdirSync(join(out, 'index.html')),
    ]) {
      rmSync(out, { recursive: true, force: true });
      mkdirSync(out);
      writeFileSync(join(out, LIST), JSON.stringify({ version: 1, files: {} }));
      obstacle();
      const before = filesOf(out);
      await assert.rejects(write(out, PAGES), /is in the way of the site/);
      assert.deepEqual(filesOf(out), before);
      assert.deepEqual(filesOf(elsewhere), []);
    }
  });

  it('is refused if it has files and no list, or a list that was not written by it', async (t) => {
    const folder = await scratch(t);
    const out = join(folder, 'site');
    const outside = join(folder, 'outside.txt');
    writeFileSync(outside, 'kept');
    mkdirSync(out);
    writeFileSync(join(out, 'thesis.tex'), 'mine');
    await assert.rejects(write(out, PAGES), /has files and is not a site/);
    await assert.rejects(write(outside, PAGES), /cannot be the folder of a site/);
    const mark = { sha256: 'x', since: NOW };
    const lists = ['../outside.txt', '/etc/x', 'a/../../outside.txt', 'a\\..\\b', '', '.'].map((path) =>
      JSON.stringify({ version: 1, files: { [path]: mark } }),
    );
    for (const text of [...lists, '', '{}', '[]', '{"version":2,"files":{}}']) {
      writeFileSync(join(out, LIST), text);
      await assert.rejects(write(out, PAGES), /is not the list of a site's files/, text);
    }
    assert.deepEqual(filesOf(folder), ['outside.txt', `site/${LIST}`, 'site/thesis.tex']);
  });

  it('removes its own files through no link', async (t) => {
    const folder = await scratch(t);
    const out = join(folder, 'site');
    await write(out, PAGES);
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'a.html'), 'kept');
    rmSync(join(out, 'papers'), { recursive: true });
    symlinkSync(elsewhere, join(out, 'papers'));
    await write(out, { 'index.html': 'first' });
    assert.equal(readFileSync(join(elsewhere, 'a.html'), 'utf8'), 'kept');
  });

  it('may be a link to a folder', async (t) => {
    const folder = await scratch(t);
    mkdirSync(join(folder, 'real'));
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    await write(join(folder, 'link'), PAGES);
    assert.ok(existsSync(join(folder, 'real/index.html')));
  });
});
