// @ts-check
/*
 * Bundles the dashboard's pages (src/web) into dist/web: index.html, app.js, app.css, favicon.svg. Nothing in them
 * points outside of their server, and nothing is inline: they run under `script-src 'self'; style-src 'self'`.
 */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { isMain } from './setup.mjs';

const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));

/** @param {string} root */
export async function buildWeb(root = ROOT) {
  const from = path.join(root, 'src/web');
  const to = path.join(root, 'dist/web');
  mkdirSync(to, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: root,
    metafile: true,
    entryPoints: [
      { in: path.join(from, 'main.tsx'), out: 'app' },
      { in: path.join(from, 'styles/app.css'), out: 'app' },
    ],
    outdir: to,
    bundle: true,
    minify: true,
    format: 'esm',
    target: ['chrome109', 'firefox115', 'safari16'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    tsconfigRaw: '{}',
    legalComments: 'linked',
    logLevel: 'warning',
  });
  for (const file of ['index.html', 'favicon.svg']) copyFileSync(path.join(from, file), path.join(to, file));
  writeFileSync(path.join(to, 'licenses.txt'), licenses(root, Object.keys(metafile.inputs)));
}

/**
 * The licences of the packages whose code is in the bundle, which they want to come along with it.
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
