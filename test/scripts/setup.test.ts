import assert from 'node:assert/strict';
import { cp, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { isMain as isMainCompiled } from '../../src/files/system/is-main.js';
import { temporaryFolder } from '../data/support.js';
import { runNode } from '../support/cli.js';

type Entries = Readonly<
  Record<string, { version?: string; optional?: boolean; os?: string[]; cpu?: string[]; libc?: string[] }>
>;
interface System {
  readonly platform: string;
  readonly arch: string;
  readonly family: 'debian' | 'fedora' | 'arch' | 'alpine' | undefined;
  readonly root: boolean;
}
interface Setup {
  isMain(url: string, started?: string): boolean;
  nodeComplaint(version: string): string | undefined;
  missingPackage(
    locked: Entries,
    installed: Entries,
    machine: { platform: string; arch: string; libc?: string },
  ): string | undefined;
  installReason(root: string): string | undefined;
  npmComplaint(code: number | string, output: string): string;
  fingerprint(root: string): string;
  staleFiles(compiled: readonly string[], sources: ReadonlySet<string>): string[];
  findOneDnn(ldconfig: string, exists: (file: string) => boolean): string | undefined;
  oneDnnCommand(system: System): string | undefined;
  windowsAdvice(problem: string | undefined): string;
  turboJpegAdvice(system: System, ldconfig: string, exists: (file: string) => boolean): string | undefined;
}
interface TestScript {
  chooseTests(sources: readonly string[], words: readonly string[]): string[];
  runnerFlags(version: string, files: number, own?: readonly string[]): string[];
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
// The scripts are plain JavaScript outside of the compiled code.
const load = (name: string) => import(new URL(`../../../scripts/${name}`, import.meta.url).href);
const setup = (await load('setup.mjs')) as Setup;
const { chooseTests, runnerFlags } = (await load('test.mjs')) as TestScript;

const debian: System = { platform: 'linux', arch: 'x64', family: 'debian', root: true };

test('a script that is started through a link, or without its ending, runs', async (t) => {
  const folder = await temporaryFolder(t);
  const script = path.join(ROOT, 'scripts/test.mjs');
  await symlink(script, path.join(folder, 'linked.mjs'));
  await symlink(ROOT, path.join(folder, 'clone'));
  // A word that is in no test's path ends the command before anything runs.
  for (const file of [script, path.join(folder, 'linked.mjs'), path.join(folder, 'clone/scripts/test.mjs')]) {
    const { code, stderr } = await runNode([file, 'no-such-word'], { timeoutMs: 300_000 });
    assert.equal(code, 1, file);
    assert.match(stderr, /No test file has "no-such-word"/, file);
  }
  const url = new URL('../../../scripts/test.mjs', import.meta.url).href;
  const compiled = fileURLToPath(import.meta.url);
  for (const isMain of [setup.isMain, isMainCompiled]) {
    assert.ok(isMain(url, path.join(folder, 'linked.mjs')));
    assert.ok(isMain(import.meta.url, compiled.replace(/\.js$/, '')));
    assert.ok(!isMain(url, path.join(ROOT, 'scripts/setup.mjs')));
    assert.ok(!isMain(url, path.join(folder, 'absent.mjs')));
  }
});

test('an old Node gets a clear message', () => {
  for (const version of ['20.9.0', '20.20.2', '22.0.0', '100.1.0'])
    assert.equal(setup.nodeComplaint(version), undefined, version);
  for (const version of ['20.8.1', '18.20.0', '8.0.0'])
    assert.match(
      setup.nodeComplaint(version)!,
      new RegExp(`needs Node.js 20\\.9 or newer, and this is ${version}`),
    );
});

test('packages are compared by version, and optional ones only for this machine', () => {
  const machine = { platform: 'linux', arch: 'x64', libc: 'glibc' };
  const locked = {
    '': { version: '0.1.0' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/a-linux': {
      version: '1.0.0',
      optional: true,
      os: ['linux'],
      cpu: ['x64'],
      libc: ['glibc'],
    },
    'node_modules/a-musl': { version: '1.0.0', optional: true, os: ['linux'], cpu: ['x64'], libc: ['musl'] },
    'node_modules/a-mac': { version: '1.0.0', optional: true, os: ['darwin'], cpu: ['arm64'] },
    'node_modules/a-wasm': { version: '1.0.0', optional: true },
  };
  const { 'node_modules/a': a, 'node_modules/a-linux': linux } = locked;
  const here = { 'node_modules/a': a, 'node_modules/a-linux': linux };
  assert.equal(setup.missingPackage(locked, here, machine), undefined);
  assert.equal(setup.missingPackage(locked, { 'node_modules/a': a }, machine), 'node_modules/a-linux');
  const old = { ...here, 'node_modules/a': { version: '0.9.0' } };
  assert.equal(setup.missingPackage(locked, old, machine), 'node_modules/a');
  assert.equal(
    setup.missingPackage(locked, here, { platform: 'darwin', arch: 'arm64' }),
    'node_modules/a-mac',
  );
});

test('packages are installed if they are missing or changed, by any installer', async (t) => {
  const root = await temporaryFolder(t);
  const write = async (name: string, value: object) => {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), JSON.stringify(value));
  };
  await write('package.json', { dependencies: { a: '1.0.0' }, devDependencies: { b: '2.0.0' } });
  await write('package-lock.json', { packages: { 'node_modules/a': { version: '1.0.0' } } });
  assert.equal(setup.installReason(root), 'they are not there');
  // pnpm and yarn leave no .package-lock.json.
  await write('node_modules/a/package.json', { version: '1.0.0' });
  assert.equal(setup.installReason(root), 'b 2.0.0 is missing');
  await write('node_modules/b/package.json', { version: '2.0.0' });
  assert.equal(setup.installReason(root), undefined);
  await write('node_modules/.package-lock.json', { packages: {} });
  assert.match(setup.installReason(root)!, /^a is missing or not the version/);
  await write('node_modules/.package-lock.json', { packages: { 'node_modules/a': { version: '1.0.0' } } });
  assert.equal(setup.installReason(root), undefined);
});

test('a failure of npm is reported in one sentence', () => {
  assert.match(setup.npmComplaint('ENOENT', ''), /there is no npm\..* Next: install npm/);
  assert.match(setup.npmComplaint(9009, ''), /there is no npm\./);
  assert.match(setup.npmComplaint(1, "'npm' is not recognized as an internal or"), /there is no npm\./);
  assert.match(
    setup.npmComplaint(1, 'npm error code EAI_AGAIN'),
    /npm ended with 1\. Next: check the connection/,
  );
  assert.match(setup.npmComplaint(1, 'npm error ENOSPC: no space left'), /free some space/);
  assert.match(setup.npmComplaint(1, 'odd'), /see the lines above/);
});

test('any change of a source requires a new build', async (t) => {
  const root = await temporaryFolder(t);
  for (const name of ['src/deep', 'test']) await mkdir(path.join(root, name), { recursive: true });
  for (const name of ['src/deep/a.ts', 'test/a.test.ts', 'src/b.md', 'tsconfig.json', 'package-lock.json'])
    await writeFile(path.join(root, name), 'x');
  const first = setup.fingerprint(root);
  assert.equal(setup.fingerprint(root), first);
  await writeFile(path.join(root, 'src/b.md'), 'longer');
  assert.equal(setup.fingerprint(root), first);
  await utimes(path.join(root, 'src/deep/a.ts'), 1, 1);
  const second = setup.fingerprint(root);
  assert.notEqual(second, first);
  await writeFile(path.join(root, 'src/deep/c.ts'), 'x');
  assert.notEqual(setup.fingerprint(root), second);
});

test('compiled files without a source are stale', () => {
  const compiled = [
    'a.js',
    'a.js.map',
    'a.d.ts',
    'b.js',
    'b.js.map',
    'b.d.ts',
    'c.test.js',
    'c.test.d.ts',
    'd.json',
  ].map((name) => `dist/src/${name}`);
  assert.deepEqual(
    setup.staleFiles(compiled, new Set(['src/a.ts', 'src/c.test.ts'])),
    ['b.js', 'b.js.map', 'b.d.ts'].map((name) => `dist/src/${name}`),
  );
});

test('oneDNN is found in the loader’s cache or in a folder', () => {
  const cache = [
    '\tlibdnnl.so.3 (libc6,x86-64) => /usr/lib/libdnnl.so.3',
    '\tlibdnnl.so.2 (libc6,x86-64) => /lib/x86_64-linux-gnu/libdnnl.so.2',
  ];
  const none = () => false;
  assert.equal(setup.findOneDnn(cache.join('\n'), none), '/lib/x86_64-linux-gnu/libdnnl.so.2');
  assert.equal(setup.findOneDnn(cache[0]!, none), '/usr/lib/libdnnl.so.3');
  assert.equal(setup.findOneDnn('\tlibdnnl.so.1 (libc6) => /usr/lib/libdnnl.so.1', none), undefined);
  const two = (file: string) => /^\/usr\/l.*libdnnl\.so\.[23]$/.test(file);
  assert.equal(setup.findOneDnn('', two), '/usr/lib/x86_64-linux-gnu/libdnnl.so.2');
  assert.equal(
    setup.findOneDnn('', (file) => file === '/opt/homebrew/lib/libdnnl.2.dylib'),
    '/opt/homebrew/lib/libdnnl.2.dylib',
  );
});

test('the command that installs oneDNN is that of the system', () => {
  assert.equal(setup.oneDnnCommand(debian), 'apt-get install -y libdnnl2 || apt-get install -y libdnnl3');
  assert.match(setup.oneDnnCommand({ ...debian, root: false })!, /^sudo apt-get .* \|\| sudo apt-get /);
  assert.equal(setup.oneDnnCommand({ ...debian, family: 'fedora' }), 'dnf install -y onednn');
  assert.equal(setup.oneDnnCommand({ ...debian, family: 'alpine' }), 'apk add onednn');
  assert.equal(
    setup.oneDnnCommand({ ...debian, family: undefined, platform: 'darwin' }),
    'brew install onednn',
  );
  assert.equal(setup.oneDnnCommand({ ...debian, family: undefined }), undefined);
  assert.match(
    setup.windowsAdvice(undefined),
    /is not there\. Next: run: python -m pip install onednn-cpu-vcomp==/,
  );
  assert.match(
    setup.windowsAdvice('pip ended with 1'),
    /not fetched: pip ended with 1\. Next: run: python -m pip/,
  );
  const noPython = setup.windowsAdvice('there is no pip, which comes with Python');
  assert.match(noPython, /Next: install Python \(run: winget install .*\), open a new terminal/);
});

test('libjpeg-turbo is offered if it is missing', () => {
  const nothing = () => false;
  assert.match(
    setup.turboJpegAdvice(debian, '', nothing)!,
    /Optional: run: apt-get install -y libturbojpeg0$/,
  );
  assert.match(setup.turboJpegAdvice({ ...debian, root: false }, '', nothing)!, /run: sudo apt-get/);
  const cache = '\tlibturbojpeg.so.0 (libc6,x86-64) => /lib/x86_64-linux-gnu/libturbojpeg.so.0';
  assert.equal(setup.turboJpegAdvice(debian, cache, nothing), undefined);
  const brewed = (file: string) => file === '/opt/homebrew/lib/libturbojpeg.dylib';
  const mac = { ...debian, family: undefined, platform: 'darwin' };
  assert.match(setup.turboJpegAdvice(mac, '', nothing)!, /brew install jpeg-turbo$/);
  assert.equal(setup.turboJpegAdvice(mac, '', brewed), undefined);
  assert.equal(setup.turboJpegAdvice({ ...debian, family: undefined }, '', nothing), undefined);
});

test('which tests run', () => {
  const sources = ['test/a/x.test.ts', 'test/b/y.test.ts', 'test/support/z.ts'];
  assert.deepEqual(chooseTests(sources, []), ['dist/test/a/x.test.js', 'dist/test/b/y.test.js']);
  assert.deepEqual(chooseTests(sources, ['y.test', 'none']), ['dist/test/b/y.test.js']);
  assert.deepEqual(chooseTests(sources, ['none']), []);
  assert.ok(runnerFlags('20.20.2', 2).includes('--test-reporter=spec'));
  assert.deepEqual(runnerFlags('20.20.2', 1, ['--test-reporter=dot']), ['--test', '--test-reporter=dot']);
  assert.ok(runnerFlags('20.20.2', 2).includes('--test-concurrency=2'));
  assert.ok(!runnerFlags('20.9.0', 2).some((flag) => flag.includes('concurrency')));
});

/** A small project with the real scripts and compiler. */
async function smallProject(root: string): Promise<void> {
  await cp(path.join(ROOT, 'scripts'), path.join(root, 'scripts'), { recursive: true });
  await symlink(path.join(ROOT, 'node_modules'), path.join(root, 'node_modules'));
  for (const name of ['package.json', 'package-lock.json', 'tsconfig.json'])
    await cp(path.join(ROOT, name), path.join(root, name));
  await mkdir(path.join(root, 'src/cli'), { recursive: true });
  await mkdir(path.join(root, 'test'), { recursive: true });
  await writeFile(
    path.join(root, 'src/cli/program.ts'),
    'export const run = async (args: string[]): Promise<number> => (console.log(args.join(" ")), 7);\n',
  );
  await writeFile(path.join(root, 'src/cli/main.ts'), 'export {};\n');
  await mkdir(path.join(root, 'src/web/styles'), { recursive: true });
  for (const name of ['main.tsx', 'styles/app.css', 'index.html', 'favicon.svg'])
    await writeFile(path.join(root, 'src/web', name), '');
  const site = path.join(root, 'src/web/site');
  const files = ['render.tsx', 'client/main.ts', 'client/theme.ts', 'client/live.ts'].map(
    (name) => `src/web/site/${name}`,
  );
  const page = ['index.html', 'style.css', 'src/page.ts', 'src/trainer.ts', 'src/protocol.ts'];
  files.push('src/site/live/engine.ts', 'src/core.ts', 'src/backend/simd/threads/web-worker.ts');
  files.push(...page.map((name) => `examples/browser/${name}`));
  for (const name of files) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), name.endsWith('.ts') ? 'export const NETWORKS = [];\n' : '');
  }
  await mkdir(path.join(site, 'styles'), { recursive: true });
  await writeFile(path.join(site, 'styles/site.css'), ':root[data-theme="dark"] { --paper: #000; }');
}

const QUIET = { env: { PAPERWEIGHT_ONEDNN: '/named.so' } };

test('npm start compiles once, passes its flags on and ends with the command’s code', async (t) => {
  const root = await temporaryFolder(t);
  await smallProject(root);
  const start = () => runNode([path.join(root, 'scripts/start.mjs'), '--seed', '1'], QUIET);
  const first = await start();
  assert.equal(first.stdout, 'train --preset quick --seed 1\n', first.stderr);
  assert.equal(first.code, 7);
  assert.match(first.stderr, /Compiling … done/);
  for (const name of ['app.js', 'app.css', 'index.html']) await readFile(path.join(root, 'dist/web', name));
  assert.deepEqual(await start(), { code: 7, stdout: first.stdout, stderr: '' });
});

test('npm test runs only tests that have a source, and fails if a test fails', async (t) => {
  const root = await temporaryFolder(t);
  await smallProject(root);
  const write = (name: string, body: string) =>
    writeFile(
      path.join(root, 'test', name),
      `import test from 'node:test';\ntest('${name}', () => { ${body} });\n`,
    );
  const run = (...args: string[]) => runNode([path.join(root, 'scripts/test.mjs'), ...args], QUIET);
  await write('good.test.ts', '');
  await mkdir(path.join(root, 'dist/test'), { recursive: true });
  await writeFile(path.join(root, 'dist/test/gone.test.js'), 'throw new Error("stale");\n');
  const good = await run();
  assert.equal(good.code, 0, good.stdout + good.stderr);
  assert.match(good.stdout, /good\.test\.ts/);
  await assert.rejects(readFile(path.join(root, 'dist/test/gone.test.js')), /ENOENT/);
  await write('bad.test.ts', 'throw new Error("on purpose");');
  assert.equal((await run()).code, 1);
  assert.equal((await run('good')).code, 0);
  const none = await run('absent');
  assert.equal(none.code, 1);
  assert.match(none.stderr, /No test file has "absent" in its path/);
  await writeFile(path.join(root, 'src/wrong.ts'), 'export const a: string = 1;\n');
  const wrong = await run('good');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /src\/wrong\.ts.*TS2322[\s\S]*does not compile/);
});
