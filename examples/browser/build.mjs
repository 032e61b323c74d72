// Bundles the page, the trainer and the offline cache into dist/: node build.mjs
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, 'dist');
const core = createRequire(path.join(here, 'src/page.ts')).resolve('paperweight/core');

await rm(out, { recursive: true, force: true });
const options = {
  absWorkingDir: here,
  outdir: out,
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
};
// The GPU's engine is in a file of its own, which is loaded when it is chosen.
await build({
  ...options,
  splitting: true,
  entryPoints: { page: 'src/page.ts', trainer: 'src/trainer.ts' },
});
await build({
  ...options,
  entryPoints: {
    offline: 'src/offline.ts',
    // The threads of the WebAssembly device: the trainer starts them from the file beside it.
    'web-worker': path.join(path.dirname(core), 'backend/simd/threads/web-worker.js'),
  },
});
for (const file of ['index.html', 'style.css']) await cp(path.join(here, file), path.join(out, file));
// The offline cache keeps these files; its name changes with their contents.
const files = (await readdir(out)).sort();
const { createHash } = await import('node:crypto');
const hash = createHash('sha256');
for (const file of files) hash.update(await readFile(path.join(out, file)));
const manifest = { version: hash.digest('hex').slice(0, 12), files };
await writeFile(path.join(out, 'files.json'), JSON.stringify(manifest));
