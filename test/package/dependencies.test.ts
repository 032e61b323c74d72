import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { ROOT } from './consumer.js';

interface Entry {
  readonly version?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly hasInstallScript?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
}

/** Licences that allow use in and distribution with a program under the MIT licence. */
const PERMISSIVE = [
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'MIT OR Apache-2.0',
];
/** Exceptions by name and location; docs/dependencies.md gives the reasons. */
const EXCEPTIONS: Readonly<Record<string, RegExp>> = {
  // A shared library that sharp loads: users can replace it, as its licence requires.
  'LGPL-3.0-or-later': /^@img\/sharp-libvips-/,
  'Apache-2.0 AND LGPL-3.0-or-later': /^@img\/sharp-win32-/,
  'Apache-2.0 AND LGPL-3.0-or-later AND MIT': /^@img\/sharp-wasm32$/,
  // Used in the tests' browser only and not distributed.
  'MPL-2.0': /^axe-core$/,
};
/** Packages with an install script that is not needed here. */
const SCRIPTS = ['esbuild', 'koffi'];

const lock = JSON.parse(await readFile(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, Entry>;
};
const packages = Object.entries(lock.packages)
  .filter(([place]) => place !== '')
  .map(([place, entry]) => [place.replace(/^.*node_modules\//, ''), entry] as const);

async function directDependencies(): Promise<Record<string, string>> {
  const { dependencies, optionalDependencies, devDependencies } = JSON.parse(
    await readFile(path.join(ROOT, 'package.json'), 'utf8'),
  );
  return { ...dependencies, ...optionalDependencies, ...devDependencies };
}

test('the licence of every package is compatible', async () => {
  const installed = JSON.parse(
    await readFile(path.join(ROOT, 'node_modules/.package-lock.json'), 'utf8').catch(() => '{"packages":{}}'),
  ) as typeof lock;
  const names = new Map(packages);
  for (const place of Object.keys(installed.packages)) {
    const name = place.replace(/^.*node_modules\//, '');
    const manifest = JSON.parse(await readFile(path.join(ROOT, place, 'package.json'), 'utf8'));
    // The package's own statement takes precedence over the lock file.
    names.set(name, { ...names.get(name), license: manifest.license });
  }
  assert.ok(names.size > 20, `${names.size} packages`);
  const refused = [...names].filter(
    ([name, { license = 'none' }]) => !PERMISSIVE.includes(license) && !EXCEPTIONS[license]?.test(name),
  );
  assert.deepEqual(
    refused.map(([name, { license }]) => `${name}: ${license}`),
    [],
  );
});

test('what is installed is what was locked: exact versions, checksums, and no new install script', async () => {
  const direct = await directDependencies();
  for (const [name, version] of Object.entries(direct)) {
    assert.match(String(version), /^\d+\.\d+\.\d+$/, `${name} has an exact version`);
    assert.equal(lock.packages[`node_modules/${name}`]?.version, version, name);
  }
  const unchecked = packages.filter(([, { integrity }]) => !integrity?.startsWith('sha512-'));
  assert.deepEqual(
    unchecked.map(([name]) => name),
    [],
  );
  assert.deepEqual(
    packages
      .filter(([, { hasInstallScript, optional }]) => hasInstallScript && !optional)
      .map(([name]) => name),
    SCRIPTS,
  );
});

test('docs/dependencies.md lists every direct dependency with its version', async () => {
  const direct = await directDependencies();
  const page = await readFile(path.join(ROOT, 'docs/dependencies.md'), 'utf8');
  for (const [name, version] of Object.entries(direct))
    assert.ok(
      page.split('\n').some((line) => line.startsWith(`| \`${name}\` `) && line.includes(` ${version} `)),
      `a line for ${name} ${version}`,
    );
});
