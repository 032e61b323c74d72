// @ts-check
/*
 * Bundles the dashboard's pages (src/web) into dist/web: index.html, app.js, app.css, favicon.svg. Nothing in them
 * points outside of their server, and nothing is inline: they run under `script-src 'self'; style-src 'self'`.
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = path.resolve(fileURLToPath(new URL('..', import.meta.url)));

/** @param {string} root */
export async function buildWeb(root = ROOT) {
  const from = path.join(root, 'src/web');
  const to = path.join(root, 'dist/web');
  mkdirSync(to, { recursive: true });
  await build({
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
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await buildWeb();
