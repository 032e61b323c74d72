import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FOLDERS = ['.', 'bench', 'docs', 'docs/library', 'examples', 'fuzz', 'src/papers', 'test/fixtures'];

function* pagesIn(folder: string, deep: boolean): Iterable<string> {
  for (const entry of readdirSync(path.join(ROOT, folder), { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory() && deep && entry.name !== 'node_modules') yield* pagesIn(file, deep);
    else if (file.endsWith('.md')) yield file;
  }
}

const text = (page: string): string =>
  readFileSync(path.join(ROOT, page), 'utf8').replace(/^```.*?^```/gms, '');

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (page: string): Set<string> =>
  new Set(
    [...text(page).matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title!
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\p{M}\-_ ]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

test('links between pages lead to files and headings that exist', () => {
  const pages = FOLDERS.flatMap((folder) => [...pagesIn(folder, /^(examples|src)/.test(folder))]);
  const broken = pages.flatMap((page) =>
    [...text(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
      if (/^[a-z]+:/.test(link!)) return [];
      const [file, anchor] = decodeURIComponent(link!).split('#') as [string, string?];
      const target = file === '' ? page : path.join(path.dirname(page), file);
      const full = path.join(ROOT, target);
      const there =
        existsSync(full) &&
        (anchor === undefined || !target.endsWith('.md') || anchorsOf(target).has(anchor)) &&
        (anchor === undefined || statSync(full).isFile());
      return there ? [] : [`${page}: ${link}`];
    }),
  );
  assert.ok(pages.length > 50);
  assert.deepEqual(broken, []);
});
