import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const DIST = fileURLToPath(new URL('../../', import.meta.url));
const FIXTURES = fileURLToPath(new URL('../../../test/fixtures/', import.meta.url));
/** Headers by which a page may share memory between threads. */
const ISOLATED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
};

/** Bundles compiled files for pages, with stand-ins for `node:test`, `node:assert` and `node:fs`. */
async function bundles(files: readonly string[], format: 'esm' | 'iife'): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    entryPoints: files.map((file) => `${DIST}${file}`),
    entryNames: '[name]',
    outdir: '/',
    bundle: true,
    write: false,
    platform: 'browser',
    format,
    logLevel: 'silent',
    alias: {
      'node:test': `${DIST}test/support/page/node-test.js`,
      'node:assert/strict': `${DIST}test/support/page/node-assert.js`,
      'node:fs': `${DIST}test/support/page/node-fs.js`,
    },
  });
  return new Map(outputFiles.map(({ path, text }) => [path, text]));
}

/**
 * Serves empty pages at /isolated/ and /plain/, and beside them bundles of compiled files: with or without the headers
 * that isolate a page.
 *
 * @param names files of dist/
 */
export async function serveBundles(
  names: readonly string[],
  format: 'esm' | 'iife' = 'esm',
): Promise<Server> {
  const files = await bundles(names, format);
  const server = createServer(async (request, response) => {
    const [, kind, ...rest] = request.url!.split('/');
    const name = rest.join('/');
    const headers = kind === 'plain' ? {} : ISOLATED;
    const fixture = /fixtures\/([\w.-]+)$/.exec(request.url!)?.[1];
    if (fixture) {
      response.writeHead(200, { ...ISOLATED, 'content-type': 'application/json' });
      response.end(await readFile(`${FIXTURES}${fixture}`));
    } else if (files.has(`/${name}`)) {
      response.writeHead(200, { ...headers, 'content-type': 'text/javascript' });
      response.end(files.get(`/${name}`));
    } else {
      response.writeHead(200, { ...headers, 'content-type': 'text/html' });
      response.end('<!doctype html><title>test</title><link rel="icon" href="data:,">');
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
