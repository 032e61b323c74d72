import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Import, importCycle, importsOf, reachable, sourceFiles } from './imports.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * The floors of docs/architecture.md, the lowest first. A file may import from its own floor and from those below it.
 * A path covers everything below it; for a file, the longest matching path counts.
 */
const FLOORS: readonly (readonly string[])[] = [
  ['src/errors'],
  ['src/random.ts', 'src/version.ts', 'src/display'],
  ['src/files', 'src/webassembly'],
  ['src/graph'],
  ['src/ops'],
  ['src/backend'],
  ['src/tensor'],
  ['src/nn', 'src/optim'],
  ['src/interop'],
  ['src/data'],
  // The public names that run in browsers, which the models of papers use.
  ['src/core.ts'],
  ['src/distributed'],
  ['src/run'],
  ['src/train'],
  ['src/papers'],
  ['src/report'],
  ['src/bench'],
  ['src/serve'],
  ['src/site'],
  ['src/cli'],
  ['src/web'],
  ['src/deprecated.ts'],
  ['src/index.ts'],
];

/** Code shared by the pages with reports and with the command line. */
const SHARED = 'src/display/';
/** What the pages use of the server: types only. */
const PAGES_KNOW = [
  'src/serve/api.ts',
  'src/serve/route-table.ts',
  'src/papers/page-types.ts',
  'src/run/events.ts',
  'src/site/page-types.ts',
];

/** Modules that run in browsers as well as in Node, in addition to everything that `paperweight/core` exports. */
const EVERYWHERE =
  /^src\/(graph|ops|tensor|nn|optim|data\/transforms|backend\/(reference|plan|wasm|webgpu(?!\/node))|webassembly|web)\/|^src\/site\/live\/engine\.ts$|^src\/papers\/[^/]+\/model\.ts$/;
/** Bundlers leave it out for browsers: "browser" in package.json. */
const NODE_ONLY = 'src/data/worker-pool.ts';

const files = sourceFiles(ROOT, 'src');
const imports = importsOf(ROOT, files);
const known = new Set(files);
const between = imports.filter(({ to }) => known.has(to));
const written = (some: readonly Import[]) => some.map(({ from, to }) => `${from} imports ${to}`);

function floorOf(file: string): number {
  const fits = FLOORS.flatMap((paths, floor) =>
    paths
      .filter((path) => file === path || file.startsWith(`${path}/`))
      .map((path) => ({ floor, length: path.length })),
  );
  assert.ok(fits.length > 0, `${file} is on no floor: enter its folder in test/house/imports.test.ts`);
  return fits.reduce((a, b) => (b.length > a.length ? b : a)).floor;
}

describe('imports', () => {
  it('are found in all their forms', () => {
    assert.ok(imports.length > 1000, `${imports.length} imports`);
    const of = (from: string) => imports.filter((one) => one.from === from).map(({ to }) => to);
    assert.ok(of('src/index.ts').includes('src/core.ts'), 'export … from');
    assert.ok(of('src/cli/bench/bench.ts').includes('src/cli/bench/run.ts'), 'import(…)');
    assert.ok(of('src/web/main.tsx').includes('src/web/shell.tsx'), 'a .tsx file');
    assert.ok(of('src/data/loader/threaded.ts').includes('src/data/worker-pool.ts'), 'import … from');
  });

  it('point down the floors', () => {
    assert.deepEqual(written(between.filter(({ from, to }) => floorOf(to) > floorOf(from))), []);
  });

  it('of the public names occur only in papers, in the suite’s networks and in the package’s other entry point', () => {
    const users = between.filter(({ to, from }) => to === 'src/core.ts' && from !== 'src/index.ts');
    assert.ok(users.some(({ from }) => from.endsWith('/model.ts')));
    assert.deepEqual(
      written(users.filter(({ from }) => !/^src\/(papers\/[^/]+|bench\/suite)\//.test(from))),
      [],
    );
    const models = between.filter(({ from }) => /^src\/papers\/[^/]+\/model\.ts$/.test(from));
    const besides = models.filter(
      ({ to, from }) => to !== 'src/core.ts' && !to.startsWith(from.replace(/[^/]+$/, '')),
    );
    assert.deepEqual(written(besides), []);
  });

  it('form no import cycle, except among gradient rules, which are written in other operations', () => {
    const ops = (file: string) => file.startsWith('src/ops/');
    assert.equal(importCycle(between.filter(({ from, to }) => !(ops(from) && ops(to)))), undefined);
  });

  it('of the pages lead only to their own files and to types of the server’s answers', () => {
    const outside = between.filter(
      ({ from, to }) => from.startsWith('src/web/') && !to.startsWith('src/web/'),
    );
    const wrong = outside.filter(
      ({ to, typeOnly }) => !to.startsWith(SHARED) && (!typeOnly || !PAGES_KNOW.includes(to)),
    );
    assert.deepEqual(written(wrong), []);
  });

  it('of browser code reach nothing of Node', () => {
    const start = ['src/core.ts', ...files.filter((file) => EVERYWHERE.test(file))];
    const wrong = reachable(imports, start).filter(
      ({ from, to }) => to.startsWith('node:') && from !== NODE_ONLY,
    );
    assert.deepEqual(written(wrong), []);
  });

  it('at the start of the command line load neither the library nor an engine', () => {
    const atStart = imports.filter(({ dynamic }) => !dynamic);
    const heavy = /^src\/(core|index)\.ts$|^src\/(nn|train|serve|backend\/[^/]+)\//;
    assert.deepEqual(written(reachable(atStart, ['src/cli/main.ts']).filter(({ to }) => heavy.test(to))), []);
  });

  it('of the fuzzer lead to the product only, not to tests and benchmarks', () => {
    const wrong = importsOf(ROOT, [...sourceFiles(ROOT, 'fuzz'), ...files]).filter(
      ({ from, to }) => from.startsWith('fuzz/') && /^(test|bench)\//.test(to),
    );
    assert.deepEqual(written(wrong), []);
  });
});
