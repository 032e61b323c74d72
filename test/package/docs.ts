import assert from 'node:assert/strict';
import { copyFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { synset } from '../support/draw-images.js';
import { node, ROOT, TSC } from './consumer.js';

const blocksOf = (page: string): string[] =>
  [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]!);

const read = (page: string) => readFile(path.join(ROOT, page), 'utf8');

/** The pages' programs, on a run and images that are there. */
export function docsTests(places: () => { folder: string; run: string; images: string }): void {
  test('the programs of docs/library.md compile and run, and those of README.md compile', async () => {
    const { folder, run, images } = places();
    const there = path.join(folder, 'docs');
    await mkdir(path.join(there, 'images'), { recursive: true });
    await cp(run, path.join(there, 'runs/my-run'), { recursive: true });
    const drawn = path.join(images, 'val', synset(0));
    for (const name of (await readdir(drawn)).slice(0, 3))
      await copyFile(path.join(drawn, name), path.join(there, 'images', name));
    await copyFile(path.join(drawn, `${synset(0)}_0.jpg`), path.join(there, 'cat.jpg'));

    const programs = blocksOf(await read('docs/library.md'));
    assert.deepEqual(
      blocksOf(await read('docs/library.zh.md')),
      programs,
      'both languages show the same code',
    );
    const expected = [
      /^(?:[\w ]+ [01]\.\d{3}\n){3}$/,
      /^(?:n\d+_\d+\.jpg [\w ]+\n){3}$/,
      /^epoch 1: [\d.]+ %\nepoch 2: [\d.]+ %\n$/,
      // A logged run prints nothing.
      /^$/,
      /^0 1 1 0 0\.000\n$/,
      /^(\[ 250 \] \[ 250, 2 \]\n){4}(\[ 4, 2 \] int32\n){2}(\[ 4, 8 \] \[ 4, 8 \]\n){4}\[ 2, 5 \]\n$/,
      /^stem\.weight stem\.bias branches\.left\.weight .*branches\.right\.bias\n$/,
      /^Float32Array\(2\) \[ 1, 1 \]\n$/,
      /^-?[\d.]+\n$/,
    ];
    assert.equal(programs.length, expected.length);
    for (const [i, program] of programs.entries())
      await writeFile(path.join(there, `library-${i}.ts`), program);
    for (const [i, program] of blocksOf(await read('README.md')).entries())
      await writeFile(path.join(there, `readme-${i}.ts`), program);
    const own = blocksOf(await read('docs/papers.md'));
    assert.deepEqual(blocksOf(await read('docs/papers.zh.md')), own);
    for (const [i, program] of own.entries()) await writeFile(path.join(there, `papers-${i}.ts`), program);
    const compilerOptions = {
      strict: true,
      target: 'es2023',
      lib: ['es2023'],
      module: 'nodenext',
      types: ['node'],
      noUncheckedIndexedAccess: true,
      rootDir: '.',
      outDir: 'out',
    };
    await writeFile(
      path.join(there, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, include: ['*.ts'] }),
    );
    const compiled = await node([TSC, '-p', '.'], { cwd: there });
    assert.equal(compiled.code, 0, compiled.stdout);
    for (const [i, pattern] of expected.entries()) {
      const { code, stdout, stderr } = await node([`out/library-${i}.js`], { cwd: there });
      assert.equal(code, 0, stderr);
      assert.match(stdout, pattern);
    }
  });
}
