// @ts-check
/*
 * Bundles the dashboard's pages (src/web) into dist/web: index.html, app.js, app.css, favicon.svg, and engine.js, which
 * classifies images in a page. Nothing in them points outside of their server, and nothing is inline: they run under
 * `script-src 'self' 'wasm-unsafe-eval'; style-src 'self'`.
 *
 * Of `paperweight site`, dist/site gets render.js, which draws its pages in Node, and assets/, which each site has a copy
 * of. Scripts of the site are no modules: browsers load no modules from disk.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { isMain } from './setup.mjs';

const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));

const TARGET = ['chrome109', 'firefox115', 'safari16'];

/** @param {string} root */
const common = (root) =>
  /** @type {const} */ ({
    absWorkingDir: root,
    metafile: true,
    bundle: true,
    minify: true,
    jsx: 'automatic',
    jsxImportSource: 'preact',
    tsconfigRaw: '{}',
    legalComments: 'linked',
    logLevel: 'warning',
  });

/** @param {string} root */
export async function buildWeb(root = ROOT) {
  await buildDashboard(root);
  await buildSite(root);
}

/** @param {string} root */
async function buildDashboard(root) {
  const from = path.join(root, 'src/web');
  const to = path.join(root, 'dist/web');
  mkdirSync(to, { recursive: true });
  const { metafile } = await build({
    ...common(root),
    entryPoints: [
      { in: path.join(from, 'main.tsx'), out: 'app' },
      { in: path.join(from, 'styles/app.css'), out: 'app' },
    ],
    outdir: to,
    format: 'esm',
    target: TARGET,
  });
  for (const file of ['index.html', 'favicon.svg']) copyFileSync(path.join(from, file), path.join(to, file));
  await buildEngine(root, to, { name: 'engine', format: 'esm' });
  writeFileSync(path.join(to, 'licenses.txt'), licenses(root, Object.keys(metafile.inputs)));
}

/** @param {string} root */
async function buildSite(root) {
  const from = path.join(root, 'src/web/site');
  const to = path.join(root, 'dist/site');
  const assets = path.join(to, 'assets');
  mkdirSync(assets, { recursive: true });
  const renderer = await build({
    ...common(root),
    entryPoints: [path.join(from, 'render.tsx')],
    outdir: to,
    format: 'esm',
    platform: 'node',
    target: 'node20.9',
    legalComments: 'none',
  });
  const { metafile } = await build({
    ...common(root),
    entryPoints: [
      { in: path.join(from, 'client/main.ts'), out: 'site' },
      { in: path.join(from, 'client/theme.ts'), out: 'theme' },
      { in: path.join(from, 'client/live.ts'), out: 'live' },
      { in: path.join(from, 'styles/site.css'), out: 'site' },
    ],
    outdir: assets,
    format: 'iife',
    target: TARGET,
    legalComments: 'none',
  });
  const css = path.join(assets, 'site.css');
  writeFileSync(css, withSystemTheme(readFileSync(css, 'utf8')));
  copyFileSync(path.join(root, 'src/web/favicon.svg'), path.join(assets, 'favicon.svg'));
  copyFormulaStyles(path.join(root, 'node_modules/katex/dist'), assets);
  await buildEngine(root, assets, { name: 'live-engine', format: 'iife' });
  await buildTrainPage(root, to);
  const inputs = [...Object.keys(renderer.metafile.inputs), ...Object.keys(metafile.inputs)];
  writeFileSync(path.join(assets, 'licenses.txt'), licenses(root, inputs));
}

/**
 * What classifies images in a page: engines and readers that run in browsers, as one script.
 *
 * @param {string} root
 * @param {string} to
 * @param {{ name: string, format: 'esm' | 'iife' }} as pages on disk load no modules
 */
async function buildEngine(root, to, { name, format }) {
  await build({
    ...common(root),
    entryPoints: [{ in: path.join(root, 'src/site/live/engine.ts'), out: name }],
    outdir: to,
    format,
    ...(format === 'iife' ? { globalName: 'paperweightLive' } : {}),
    platform: 'browser',
    target: 'es2022',
    legalComments: 'none',
    // Threads would need a file of their own; a page of a site has one.
    define: { 'import.meta.url': '""' },
  });
}

/**
 * Leaves out what package.json's "browser" leaves out of the compiled code.
 *
 * @type {import('esbuild').Plugin}
 */
const withoutWorkers = {
  name: 'without-workers',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/worker-pool\.js$/ }, ({ path: name }) => ({ path: name, namespace: 'none' }));
    onLoad({ filter: /./, namespace: 'none' }, () => ({ contents: 'module.exports = {}' }));
  },
};

/**
 * The page of examples/browser, for sites: it trains in a visitor's browser. `networks.json` names its networks.
 *
 * @param {string} root
 * @param {string} to
 */
async function buildTrainPage(root, to) {
  const from = path.join(root, 'examples/browser');
  const out = path.join(to, 'train');
  /** @param {string} name */
  const source = (name) => path.join(root, 'src', name);
  /** Names of the package lead to its sources. @type {import('esbuild').Plugin} */
  const ownNames = {
    name: 'own-names',
    setup: ({ onResolve }) =>
      onResolve({ filter: /^paperweight\/(?:core|papers\/[\w-]+\/model)$/ }, ({ path: name }) => ({
        path: source(`${name.slice('paperweight/'.length)}.ts`),
      })),
  };
  const settings = /** @type {const} */ ({
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    logLevel: 'warning',
    // No service worker: a site must not be kept by its visitors' browsers without being asked.
    define: { 'navigator.serviceWorker': 'undefined' },
  });
  await build({
    ...settings,
    plugins: [ownNames, withoutWorkers],
    entryPoints: {
      page: path.join(from, 'src/page.ts'),
      trainer: path.join(from, 'src/trainer.ts'),
      'web-worker': source('backend/simd/threads/web-worker.ts'),
    },
    outdir: out,
  });
  for (const file of ['index.html', 'style.css']) copyFileSync(path.join(from, file), path.join(out, file));
  const { outputFiles } = await build({
    ...settings,
    entryPoints: [path.join(from, 'src/protocol.ts')],
    write: false,
  });
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64');
  const { NETWORKS } = await import(`data:text/javascript;base64,${code}`);
  writeFileSync(path.join(to, 'networks.json'), JSON.stringify(NETWORKS));
}

/**
 * KaTeX's style sheet and the fonts that it names, in the one format that all browsers read.
 *
 * @param {string} from
 * @param {string} assets
 */
function copyFormulaStyles(from, assets) {
  const css = readFileSync(path.join(from, 'katex.min.css'), 'utf8').replaceAll(
    /,url\([^)]*\) format\("(?:woff|truetype)"\)/g,
    '',
  );
  writeFileSync(path.join(assets, 'katex.css'), css);
  mkdirSync(path.join(assets, 'fonts'), { recursive: true });
  for (const [, name] of css.matchAll(/url\(fonts\/([\w-]+\.woff2)\)/g))
    copyFileSync(path.join(from, 'fonts', name), path.join(assets, 'fonts', name));
}

/**
 * Adds the dark colours for readers whose system is dark, who need no script for them then.
 *
 * @param {string} css minified
 */
function withSystemTheme(css) {
  const dark = /:root\[data-theme=["']?dark["']?\]\{(--paper[^}]*|color-scheme:dark[^}]*)\}/.exec(css);
  if (!dark) throw new Error('site.css has no dark theme');
  // Right after the dark theme, which only screens have.
  const end = dark.index + dark[0].length;
  const system = `@media (prefers-color-scheme:dark){:root:not([data-theme]){${dark[1]}}}`;
  return css.slice(0, end) + system + css.slice(end);
}

/**
 * The licences of the packages whose code is in the bundle, which must be distributed with it.
 *
 * @param {string} root
 * @param {readonly string[]} inputs files of the bundle
 */
function licenses(root, inputs) {
  const packages = new Set(
    inputs.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
  );
  const texts = [...packages].sort().map((name) => {
    const folder = path.join(root, 'node_modules', name);
    const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
    return `${name} ${version}\n\n${readFileSync(path.join(folder, 'LICENSE'), 'utf8').trim()}\n`;
  });
  return `The pages contain code of these packages.\n\n${texts.join('\n\n')}`;
}

if (isMain(import.meta.url)) await buildWeb();
