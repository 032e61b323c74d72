import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import sharp from 'sharp';
import { buildSite } from '../../../src/site/build.js';
import { imageOf } from '../../../src/site/notes/images.js';
import { gatherNotes } from '../../../src/site/notes/notes.js';
import { openRenderer } from '../../../src/site/renderer.js';
import { scratch } from '../../support/toy.js';
import {
  attribute,
  brokenLinks,
  filesOf,
  type Parsed,
  parsePage,
  referencesOf,
  textIn,
  unsafeParts,
} from '../html.js';

const image = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#3060a0' } });

const SCRIPT_SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" onload="alert(1)"><script>alert(1)</script><rect width="40" height="20" fill="red"/></svg>';

const FORMULAS = `---
title: Formulas & code
paper: adam
period: 2024/08/01 -
tags: [optimizer, 优化]
---
Adam divides $m_t$ by $\\sqrt{v_t}$, and \\(\\epsilon\\) is small; that costs $5 or $6, or \`$HOME\`.

$$
\\theta_t = \\theta_{t-1} - \\alpha \\frac{\\hat m_t}{\\sqrt{\\hat v_t} + \\epsilon}
$$

\\[ x^2 \\]

Broken: $\\frac{1}{$ and $\\undefinedmacro$.

## Code

\`\`\`python
def step(m, v):  # comment
    return m / v ** 0.5
\`\`\`

![wide](img%2Fa%20b.png "A caption") and ![large](img\\large.jpg), [the other](hostile.md).

## Code

| a | b |
|--:|---|
| $x$ | y |
`;

/** Two notes: without a heading that can be seen, and with one in the text. */
const EMPTY = ['# \n- [ ] todo\n- [x] done\n\n## \n\n1. [X] also\n', '# One\n\n# \n\n# \u200b\n\ntext'];

const HOSTILE = `<script>alert(1)</script>
<img src=x onerror=alert(1)> <svg onload=alert(1)> <iframe src="https://evil.example"></iframe>

[a](javascript:alert(1)) [b](JaVa&#115;cript:alert(1)) [c](data:text/html,x) [d](//evil.example) <javascript:alert(1)>
[e]: javascript:alert(1)
[e] [f](https://ok.example "onmouseover=alert(1)")

![1](../../secret.png) ![2](/etc/passwd) ![3](file:///etc/passwd) ![4](https://evil.example/x.png)
![5](link.png) ![6](folder-link/secret.png) ![7](drawing.svg) ![8](text.png) ![9](..%2F..%2Fsecret.png) ![10](..\\..\\secret.png)
![" onerror=alert(1) x="](drawing.svg "\\" onload=alert(1)")

$\\href{javascript:alert(1)}{x}$ $\\htmlStyle{position:fixed}{y}$ $\\includegraphics{https://evil.example/x.png}$
$\\def\\a{\\a\\a}\\a$ $\\color{red}{z}$ $\\rule{1000em}{1000em}$ $<script>alert(1)</script>$

# <b onclick=alert(1)>Heading</b> " onclick="alert(1)

\`\`\`html"><script>alert(1)</script>
</code></pre><script>alert(1)</script>
\`\`\`

<style>body{display:none}</style>
`;

describe('notes on the site', () => {
  let folder: string;
  let out: string;
  let problems: readonly string[];
  const parsed = new Map<string, Parsed>();

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'paperweight-notes-'));
    const notes = join(folder, 'deep/notes');
    mkdirSync(join(notes, 'img'), { recursive: true });
    mkdirSync(join(folder, 'elsewhere'));
    for (const secret of ['secret.png', 'elsewhere/secret.png'])
      await image(31, 21).png().toFile(join(folder, secret));
    await image(30, 20).png().toFile(join(notes, 'img/a b.png'));
    await image(3000, 100).jpeg().toFile(join(notes, 'img/large.jpg'));
    symlinkSync(join(folder, 'secret.png'), join(notes, 'link.png'));
    symlinkSync(join(folder, 'elsewhere'), join(notes, 'folder-link'));
    writeFileSync(join(notes, 'drawing.svg'), SCRIPT_SVG);
    writeFileSync(join(notes, 'text.png'), 'no image');
    writeFileSync(join(notes, 'formulas.md'), FORMULAS);
    writeFileSync(join(notes, 'hostile.md'), HOSTILE);
    for (const [i, text] of EMPTY.entries()) writeFileSync(join(notes, `empty-${i}.md`), text);
    symlinkSync('/etc/hostname', join(notes, 'linked.md'));
    out = join(folder, 'site');
    ({ problems } = await buildSite({ out, runs: [], notes }));
    for (const path of filesOf(out).filter((each) => each.endsWith('.html')))
      parsed.set(path, parsePage(out, path));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const page = (path: string) => parsed.get(path)!;

  it('are valid pages in both trees, with working links', () => {
    for (const path of ['notes/formulas-code.html', 'zh/notes/formulas-code.html', 'notes/hostile.html']) {
      assert.deepEqual(page(path).errors, [], path);
      assert.deepEqual(brokenLinks(out, path, page(path), parsed), []);
    }
    const links = referencesOf(page('index.html')).map(({ url }) => url);
    assert.ok(links.includes('notes/formulas-code.html'));
    const from = referencesOf(page('papers/adam.html')).map(({ url }) => url);
    assert.ok(from.includes('../notes/formulas-code.html'), 'the paper links to the note');
  });

  it('have no empty headings, and task lists as text', () => {
    for (const path of ['notes/empty-0.html', 'zh/notes/empty-0.html', 'notes/empty-1.html'])
      assert.deepEqual(page(path).errors, [], path);
    const { html } = page('notes/empty-0.html');
    assert.match(html, /<h1[^>]*>empty-0<\/h1>/);
    assert.match(html, /☐ todo.*☑ done.*☑ also/s);
    assert.doesNotMatch(html, /type="checkbox"/);
  });

  it('have formulas, code, images and tags', () => {
    const { elements, html } = page('notes/formulas-code.html');
    const formulas = elements.filter((each) => attribute(each, 'class') === 'katex');
    assert.equal(formulas.length, 6);
    assert.equal(elements.filter(({ tagName }) => tagName === 'math').length, 6);
    assert.match(html, /that costs \$5 or \$6, or <code>\$HOME<\/code>/);
    assert.match(html, /hljs-keyword">def</);
    assert.match(html, /<code class="no-formula">[^<]*frac/);
    assert.match(html, /2024\/08\/01 –/);
    const images = elements.filter(({ tagName }) => tagName === 'img');
    assert.deepEqual(
      images.map((each) => [attribute(each, 'width'), attribute(each, 'height')]),
      [
        ['30', '20'],
        ['2400', '80'],
      ],
    );
    assert.match(readFileSync(join(out, 'assets/formulas.css'), 'utf8'), /^\.formula-0\{.*!important;\}/);
    assert.ok(filesOf(out).some((path) => path.startsWith('assets/fonts/KaTeX_Math')));
  });

  it('are harmless, whatever they contain', () => {
    for (const path of ['notes/hostile.html', 'zh/notes/hostile.html']) {
      assert.deepEqual(unsafeParts(page(path)), [], path);
      for (const { element, url } of referencesOf(page(path)))
        if (element.tagName === 'a' && /^[a-z]+:/i.test(url)) assert.equal(url, 'https://ok.example');
    }
    const { elements } = page('notes/hostile.html');
    const inArticle = elements.find(({ tagName }) => tagName === 'article')!;
    assert.ok(textIn(inArticle).includes('<script>alert(1)</script>'), 'shown as text');
    const images = elements.filter(({ tagName }) => tagName === 'img');
    assert.equal(images.length, 2, 'only the drawing, twice');
    assert.deepEqual(
      filesOf(out).filter((path) => /^notes\/hostile\//.test(path)).length,
      1,
      'a drawing becomes pixels, under a name of its own',
    );
    assert.doesNotMatch(readFileSync(join(out, 'assets/formulas.css'), 'utf8'), /position:fixed|url\(/);
  });

  it('publish no file from elsewhere, and say what is left out', async () => {
    const secret = readFileSync(join(folder, 'secret.png'));
    const all = problems.join('\n');
    for (const name of ['linked.md', 'link.png', 'folder-link/secret.png', '/etc/passwd', 'text.png'])
      assert.ok(all.includes(name), name);
    assert.match(all, /https:\/\/evil\.example\/x\.png is not on this machine/);
    assert.ok(!filesOf(out).some((path) => path.includes('linked') || path.includes('secret')));
    for (const path of filesOf(out)) {
      const bytes = readFileSync(join(out, path));
      assert.ok(!bytes.includes('root:x:'), `${path} has /etc/passwd`);
      assert.ok(!bytes.equals(secret), path);
    }
  });
});

describe('notes that refer to each other', () => {
  /** Pages in English, and what is reported. */
  async function pagesOf(t: TestContext, texts: Readonly<Record<string, string>>, path = '') {
    const folder = await scratch(t);
    for (const [name, text] of Object.entries(texts)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    await image(8, 6).png().toFile(join(folder, 'x.png'));
    const { imagesIn, problemsIn, renderSite } = await openRenderer();
    const { notes, problems } = await gatherNotes(join(folder, path), [], imagesIn);
    const content = { version: '0', papers: [], runs: [], notes };
    const pages = new Map(renderSite(content).map((file) => [file.path, file.text]));
    return { pages, problems: [...problems, ...problemsIn(content)] };
  }

  it('lead to pages and headings, from folder to folder', async (t) => {
    const { pages, problems } = await pagesOf(t, {
      'a.md':
        '# First\n\n## Part one\n\n[b](sub/b.md) [two](./sub/b.md#two-words) [own](#Part-one) [up](#first)',
      'sub/b.md': '## One\n\n## Two words!\n\n[a](../a.md#part-one) ![x](../x.png)',
      '.hidden/c.md': 'hidden',
    });
    const links = (path: string) =>
      [...pages.get(path)!.matchAll(/<a href="([^"]*)">(?:b|two|own|up|a)<\/a>/g)].map(([, to]) => to);
    assert.deepEqual(links('notes/first.html'), [
      '../notes/b.html',
      '../notes/b.html#notes-two-words',
      '#notes-part-one',
      '../notes/first.html',
    ]);
    assert.deepEqual(links('notes/b.html'), ['../notes/first.html#notes-part-one']);
    assert.match(pages.get('notes/b.html')!, /<img src="[^"]*\.png" alt="x" width="8"/);
    assert.deepEqual(problems, []);
    assert.ok(![...pages.keys()].some((path) => path.includes('hidden')));
  });

  it('are shown as their source if they are nested too deeply, and the others as usual', async (t) => {
    const many = (n: number, text: string) => text.repeat(n);
    const lists = Array.from({ length: 400 }, (_, i) => `${many(2 * i, ' ')}- x`).join('\n');
    const { pages, problems } = await pagesOf(t, {
      'quotes.md': `# Quotes\n\n${many(50_000, '>')} deep`,
      'lists.md': `# Lists\n\n\`\`\`\`js\n\`\`\`\`\n\n${lists} <b>`,
      'brackets.md': `# Brackets\n\n${many(50_000, '[')}x${many(50_000, ']')}`,
      'links.md': `# Links\n\n${many(20_000, '![a](')}`,
      'fine.md': `# Fine\n\n${many(20, '>')} some\n\n**bold**`,
    });
    const source = /<pre[^>]*><code[^>]*>((?:&#62;){50000}) deep/.exec(pages.get('notes/quotes.html')!);
    assert.ok(source, 'all of it is shown');
    assert.match(pages.get('notes/lists.html')!, /<pre[^>]*><code[^>]*>````js/);
    assert.match(pages.get('notes/fine.html')!, /<blockquote>.*<strong>bold/s);
    assert.deepEqual(
      problems.map((problem) => problem.replace(/^.*\/(\w+\.md): /, '$1: ')),
      ['brackets', 'links', 'lists', 'quotes'].map(
        (name) => `${name}.md: its Markdown is nested too deeply, and is shown as its source`,
      ),
    );
  });

  it('lead to other parts of a notebook', async (t) => {
    const { pages, problems } = await pagesOf(
      t,
      { 'book.md': '# One\n\n[x](#deep) [y](book.md#two)\n\n# Two\n\n## Deep\n\ntext\n' },
      'book.md',
    );
    assert.match(pages.get('notes/one.html')!, /two\.html#notes-deep">x<.*two\.html">y</);
    assert.deepEqual(problems, []);
  });

  it('say what cannot be shown as it stands there', async (t) => {
    const { pages, problems } = await pagesOf(t, {
      'a.md':
        '---\npaper: nonet\ntitle: [open\n---\n[1](gone.md) [2](#nowhere) [3](b.md#nowhere) [4](javascript:alert(1)) [5](file.pdf) $\\frac{1}{$ $x$ [6](https://ok.example)',
      'b.md': 'text',
    });
    const all = problems.join('\n');
    for (const words of [
      /no paper "nonet"/,
      /value of "title" has a bracket/,
      /a\.md: the link to gone\.md is shown as text: there is no such note/,
      /there is no heading for the link to #nowhere/,
      /there is no heading for the link to b\.md#nowhere/,
      /link to javascript:alert\(1\) is shown as text/,
      /link to file\.pdf is shown as text/,
      /the formula \\frac\{1\}\{ is shown as its source: /,
    ])
      assert.match(all, words);
    assert.equal(problems.length, 8, all);
    assert.match(pages.get('notes/open.html')!, /<a href="\.\.\/notes\/b\.html">3<\/a>/);
  });

  it('show control characters and marks of direction as escapes', async (t) => {
    const { pages } = await pagesOf(t, {
      'a.md': '# Ab\u202ecd\r\n\r\ntext \u0001 \u2066x [li\u202enk](b.md)\r\n\r\n    code \u001b[1m\r\n',
      'b.md': '---\ntitle: B\u202e\n---\n\u0000',
    });
    const all = [...pages.values()].join('');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none may be there
    assert.doesNotMatch(all, /[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/);
    assert.match(pages.get('notes/ab-u202ecd.html')!, /<h1[^>]*>Ab\\u202ecd<\/h1>.*text \\x01 \\u2066x/s);
  });

  it('have footnotes with links there and back', async (t) => {
    const text =
      'One[^a], two[^b], again[^a], none[^c].\n\n[^b]: Second *text*\n    goes on.\n[^a]: First <b> $x$ [l](javascript:alert(1))\n\n- item[^d]\n\n[^d]: word\n[^unused]: last\n';
    const { pages } = await pagesOf(t, { 'a.md': text });
    const html = pages.get('notes/a.html')!;
    assert.match(
      html,
      /One<sup id="footnote-from-1"><a href="#footnote-1">1<\/a><\/sup>, two<sup id="footnote-from-2">.*again<sup><a href="#footnote-1">1<\/a><\/sup>, none\[\^c\]\./,
    );
    assert.match(
      html,
      /<ol>\n<li id="footnote-1">First &lt;b&gt; .*<li id="footnote-2">Second <em>text<\/em>\ngoes on\. <a href="#footnote-from-2" aria-label="Back to the text">↩<\/a><\/li>\n<li id="footnote-3">word .*<li id="footnote-4">last<\/li>/s,
    );
    assert.doesNotMatch(html, /\[\^a\]|href="javascript/);
    assert.match(pages.get('zh/notes/a.html')!, /aria-label="返回正文"/);
  });
});

describe('images of notes', () => {
  it('are files below the folder of the note, by any spelling of a path', async (t) => {
    const root = await scratch(t);
    const notes = join(root, 'notes');
    mkdirSync(join(notes, 'a'), { recursive: true });
    await image(8, 6).png().toFile(join(root, 'outside.png'));
    await image(8, 6).png().toFile(join(notes, 'a/in side.png'));
    for (const href of ['a/in side.png', 'a/in%20side.png', 'a\\in side.png', './a/../a/in side.png']) {
      const found = await imageOf(notes, href, 'notes/x');
      assert.ok('image' in found, href);
      assert.deepEqual(found.image.size, { width: 8, height: 6 });
    }
    for (const href of [
      '../outside.png',
      '..%2foutside.png',
      '..\\outside.png',
      join(root, 'outside.png'),
      `file://${join(root, 'outside.png')}`,
      'a',
      'a/in side.png\0',
      '%',
      '',
    ])
      assert.ok('problem' in (await imageOf(notes, href, 'notes/x')), href);
  });

  it('that are huge are scaled down or left out', async (t) => {
    const root = await scratch(t);
    await image(9000, 30).webp().toFile(join(root, 'long.webp'));
    const long = await imageOf(root, 'long.webp', 'notes/x');
    assert.ok('image' in long && long.image.size.width === 2400);
    // 60,000 × 60,000 pixels in a few bytes.
    const bomb =
      '<svg xmlns="http://www.w3.org/2000/svg" width="60000" height="60000"><rect width="9" height="9"/></svg>';
    writeFileSync(join(root, 'bomb.svg'), bomb);
    assert.ok('problem' in (await imageOf(root, 'bomb.svg', 'notes/x')));
  });
});

describe('gathered notes', () => {
  const gather = async (path: string) => gatherNotes(path, [], (await openRenderer()).imagesIn);

  it('have unique names, and titles from front matter, heading or file', async (t) => {
    const folder = await scratch(t);
    writeFileSync(join(folder, 'a.md'), '# Same\ntext');
    writeFileSync(join(folder, 'b.md'), '---\ntitle: Same\n---\n# One\n# Two\n');
    writeFileSync(join(folder, 'c.md'), 'no title');
    writeFileSync(join(folder, 'other.txt'), 'no note');
    const { notes } = await gather(folder);
    assert.deepEqual(notes.map(({ id, title }) => `${id} ${title}`).sort(), [
      'c c',
      'same Same',
      'same-2 Same',
    ]);
    assert.match(notes.find(({ id }) => id === 'same-2')!.markdown, /# One\n# Two/);
  });

  it('of a notebook in one file are one for each top heading', async (t) => {
    const file = join(await scratch(t), 'book.txt');
    writeFileSync(file, '开头\n\n# 网络一\n> period: 2024/07/28 -\n\n内容\n\n# Net two\n\ntext\n');
    const { notes } = await gather(file);
    assert.deepEqual(
      notes.map(({ id, title, language, period }) => [id, title, language, period]),
      [
        ['网络一', '网络一', 'zh', '2024/07/28 –'],
        ['book', 'book', 'zh', undefined],
        ['net-two', 'Net two', 'en', undefined],
      ],
    );
  });

  it('are refused if they cannot be read', async (t) => {
    const folder = await scratch(t);
    await assert.rejects(gather(join(folder, 'absent')), /There are no notes at/);
    writeFileSync(join(folder, 'bytes.md'), Uint8Array.of(0xff, 0xfe, 0xfd));
    await assert.rejects(gather(folder), /bytes\.md is not a text in UTF-8/);
    writeFileSync(join(folder, 'book.pdf'), '');
    await assert.rejects(gather(join(folder, 'book.pdf')), /is not a Markdown file/);
  });
});
