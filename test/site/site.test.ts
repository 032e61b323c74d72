import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parse } from 'parse5';
import { paperIds } from '../../src/papers/registry.js';
import { Logger } from '../../src/run/logger.js';
import { RunFolder } from '../../src/run/run-folder.js';
import { buildSite, parseBase } from '../../src/site/build.js';
import { openRenderer } from '../../src/site/renderer.js';
import { gatherRun } from '../../src/site/runs.js';
import { jsonLines, runCli } from '../support/cli.js';
import { scratch, toyConfig } from '../support/toy.js';
import {
  attribute,
  brokenLinks,
  filesOf,
  type Parsed,
  parsePage,
  referencesOf,
  unsafeParts,
} from './html.js';

/** A first view may weigh this much, compressed. */
const MOST_BYTES = 100_000;

describe('the site of all papers', () => {
  let folder: string;
  let pages: string[];
  const parsed = new Map<string, Parsed>();

  before(async () => {
    folder = join(mkdtempSync(join(tmpdir(), 'paperweight-site-')), 'site');
    const { code, stdout, stderr } = await runCli(['site', '--out', folder, '--json']);
    assert.equal(code, 0, stderr);
    pages = filesOf(folder).filter((path) => path.endsWith('.html'));
    assert.equal(jsonLines(stdout)[0]!.pages, pages.length);
    for (const path of pages) parsed.set(path, parsePage(folder, path));
  });
  after(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  it('has a page for each paper in both languages', () => {
    for (const id of paperIds())
      for (const path of [`papers/${id}.html`, `zh/papers/${id}.html`]) assert.ok(pages.includes(path), path);
  });

  it('is valid HTML', () => {
    for (const [path, { errors }] of parsed) assert.deepEqual(errors, [], path);
  });

  it('has no broken link', () => {
    const broken = pages.flatMap((path) => brokenLinks(folder, path, parsed.get(path)!, parsed));
    assert.deepEqual(broken, []);
  });

  it('loads nothing from elsewhere and has nothing inline', () => {
    for (const [path, page] of parsed) assert.deepEqual(unsafeParts(page), [], path);
  });

  it('is light at first view', () => {
    const weigh = (path: string) => gzipSync(readFileSync(join(folder, path))).length;
    for (const [path, { elements }] of parsed) {
      const loaded = elements.flatMap((element) =>
        element.tagName === 'script'
          ? (attribute(element, 'src') ?? [])
          : attribute(element, 'rel') === 'stylesheet'
            ? attribute(element, 'href')!
            : [],
      );
      const all = [path, ...loaded.map((url) => new URL(url, `file:///${path}`).pathname.slice(1))];
      const bytes = all.reduce((sum, each) => sum + weigh(each), 0);
      assert.ok(bytes < MOST_BYTES, `${path}: ${bytes} bytes`);
    }
  });

  it('shows each claim with its evidence, curves with their numbers, and code', () => {
    for (const id of paperIds()) {
      const { html, elements } = parsed.get(`papers/${id}.html`)!;
      assert.ok(
        elements.some((each) => attribute(each, 'class') === 'claim'),
        id,
      );
      assert.match(html, /hljs-keyword/, id);
      for (const each of elements.filter((element) => attribute(element, 'type') === 'application/json')) {
        const text = each.childNodes.map((node) => ('value' in node ? node.value : '')).join('');
        const { series } = JSON.parse(text) as { series: { x: number[]; y: (number | null)[] }[] };
        assert.ok(series.length > 0);
        for (const { x, y } of series) assert.equal(x.length, y.length);
      }
    }
    assert.ok(existsSync(join(folder, 'papers/resnet/results/resnet-20-seed0.json')));
  });

  it('writes only what has changed when it is written again', async () => {
    const { code, stdout } = await runCli(['site', '--out', folder, '--json']);
    assert.equal(code, 0);
    assert.deepEqual([jsonLines(stdout)[0]!.written, jsonLines(stdout)[0]!.removed], [0, 0]);
  });
});

describe('paperweight site', () => {
  it('refuses a folder with files that is not a site, and writes nothing', async (t) => {
    const folder = await scratch(t);
    writeFileSync(join(folder, 'thesis.tex'), 'mine');
    const { code, stderr } = await runCli(['site', '--out', folder]);
    assert.equal(code, 2);
    assert.match(stderr, /has files and is not a site.*thesis\.tex/s);
    assert.deepEqual(filesOf(folder), ['thesis.tex']);
  });

  it('refuses a file as its folder, a folder that is not a run, and an invalid address', async (t) => {
    const folder = await scratch(t);
    const file = join(folder, 'file');
    writeFileSync(file, '');
    for (const [args, message] of [
      [['--out', file], /cannot be the folder of a site/],
      [[folder, '--out', join(folder, 'site')], /is not a run folder/],
      [['--out', join(folder, 'site'), '--base', 'example.org'], /--base example\.org cannot be used/],
      [['--out', join(folder, 'site'), '--base', 'javascript:alert(1)'], /cannot be used/],
    ] as const) {
      const { code, stderr } = await runCli(['site', ...args]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
    }
    assert.ok(!existsSync(join(folder, 'site')));
  });

  it('has papers of one’s own, and leaves out one that cannot be shown', async (t) => {
    const folder = await scratch(t);
    const own = (name: string, text: string) => {
      mkdirSync(join(folder, 'papers', name), { recursive: true });
      writeFileSync(join(folder, 'papers', name, 'index.js'), text);
    };
    const gan = new URL('../support/papers/gan/index.js', import.meta.url).href;
    own('tiny-gan', `export { default } from '${gan}';`);
    own('broken', "throw new Error('forgotten');");
    const env = { PAPERWEIGHT_PAPERS: join(folder, 'papers') };
    const out = join(folder, 'site');
    const { code, stderr } = await runCli(['site', '--out', out], { env });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /The paper broken is left out: .*forgotten/);
    const page = readFileSync(join(out, 'papers/tiny-gan.html'), 'utf8');
    assert.match(page, /parameters\. The shapes of its layers are not shown: .* 3 × 6 × 6/);
    assert.match(readFileSync(join(out, 'zh/papers/tiny-gan.html'), 'utf8'), /不显示各层的形状/);
    assert.ok(existsSync(join(out, 'papers/alexnet.html')) && !existsSync(join(out, 'papers/broken.html')));
  });

  it('adds feeds, previews and a sitemap where its address is known', async (t) => {
    const out = join(await scratch(t), 'site');
    const base = parseBase('https://example.org/my papers');
    assert.equal(base?.path, '/my%20papers/');
    await buildSite({ out, runs: [], title: 'A & B <notes>', base: base! });
    const address = 'https://example.org/my%20papers/';
    const feed = readFileSync(join(out, 'zh/feed.xml'), 'utf8');
    assert.ok(feed.includes(`<id>${address}zh/feed.xml</id>`));
    assert.ok(feed.includes('A &#38; B &#60;notes&#62;'));
    assert.equal([...feed.matchAll(/<entry>/g)].length, paperIds().length);
    const page = parsePage(out, 'papers/resnet.html');
    assert.deepEqual(page.errors, []);
    const property = (name: string) =>
      attribute(page.elements.find((each) => attribute(each, 'property') === name)!, 'content');
    assert.equal(property('og:url'), `${address}papers/resnet.html`);
    assert.equal(property('og:image'), `${address}assets/preview.png`);
    assert.ok(existsSync(join(out, 'assets/preview.png')));
    assert.match(
      readFileSync(join(out, 'sitemap.xml'), 'utf8'),
      /my%20papers\/zh\/papers\/resnet\.html<\/loc>/,
    );
    const lost = parsePage(out, '404.html');
    assert.match(lost.html, /href="\/my%20papers\/assets\/site\.css"/);
    for (const { url } of referencesOf(lost))
      if (url.startsWith('/')) {
        assert.ok(url.startsWith('/my%20papers/'), url);
        assert.ok(existsSync(join(out, url.slice('/my%20papers/'.length))), url);
      }
    // Dates stay while pages do: readers of the feed see a page again only if it has changed.
    const before = feed.match(/<updated>[^<]*/g);
    await buildSite({ out, runs: [], title: 'A & B <notes>', base: base! });
    assert.deepEqual(readFileSync(join(out, 'zh/feed.xml'), 'utf8').match(/<updated>[^<]*/g), before);
    assert.ok(parse(feed));
  });

  it('names the curves of a run in the language of the page', async (t) => {
    const path = join(await scratch(t), 'run');
    const folder = await RunFolder.create(path, toyConfig());
    const step = { imagesPerSecond: 1, stepSeconds: 1, dataSeconds: 0, rssMiB: 1, lr: 0.1, epoch: 1 };
    for (const n of [1, 2]) await folder.log({ event: 'step', step: n, loss: 2 / n, ...step });
    const epoch = {
      event: 'epoch',
      epoch: 1,
      step: 2,
      trainLoss: 1,
      testLoss: 1.5,
      testImages: 9,
      seconds: 1,
    };
    const legendOf = async (line: object): Promise<string[]> => {
      await folder.log(line);
      const { run } = await gatherRun(path, 'run');
      const { renderSite } = await openRenderer();
      const files = renderSite({ version: '0', papers: [], runs: [run], notes: [] });
      const { text } = files.find((file) => file.path === 'zh/runs/run.html')!;
      return [...text.matchAll(/<\/svg>([^<]*)<\/li>/g)].map(([, name]) => name!);
    };
    assert.deepEqual(await legendOf({ ...epoch, testMetrics: { bound: 3 } }), [
      '损失',
      '训练损失',
      '测试损失',
      '测试 bound',
    ]);
    const accuracy = { trainAccuracy: 50, testAccuracy: 40 };
    assert.deepEqual(await legendOf({ ...epoch, ...accuracy }), ['损失', '训练', '测试']);
  });

  it('shows what a program logged itself', async (t) => {
    const path = join(await scratch(t), 'mine');
    const logger = await Logger.open(path, { settings: { lr: 0.25, note: '<b>' } });
    for (const step of [1, 2, 3]) logger.scalar('f1 <i>', step / 4, step);
    logger.histogram('w', [1, 2, 3], 3);
    await logger.image('face', { shape: [1, 2, 2], data: [0, 1, 0, 1] }, 3);
    await logger.close();
    const { run, pieces } = await gatherRun(path, 'mine');
    const { renderSite } = await openRenderer();
    const files = renderSite({ version: '0', papers: [], runs: [run], notes: [] });
    const { text } = files.find((file) => file.path === 'runs/mine.html')!;
    assert.match(text, /f1 &lt;i>/);
    assert.match(text, /"y":\[0\.25,0\.5,0\.75\]/);
    assert.match(text, /<th scope="row">lr<\/th><td>0\.25<\/td>/);
    assert.ok(!/<b>|<i>/.test(text.replaceAll(/<script type="application\/json">.*?<\/script>/gs, '')));
    assert.deepEqual(
      pieces.map((piece) => piece.path),
      ['image-face', 'distributions'].flatMap((name) => [
        `runs/mine/${name}.svg`,
        `runs/mine/${name}.zh.svg`,
      ]),
    );
    assert.ok(files.some((file) => file.path === 'zh/index.html' && file.text.includes('mine')));
  });

  it('reads paths and addresses', () => {
    assert.deepEqual(parseBase('/papers'), { path: '/papers/' });
    assert.deepEqual(parseBase('http://h:8080'), { path: '/', address: 'http://h:8080/' });
    for (const text of ['', 'papers', '//host/x', '/a?b', 'https://', 'https://u:p@h/', 'ftp://h/', '/a\\b'])
      assert.equal(parseBase(text), undefined, text);
  });
});
