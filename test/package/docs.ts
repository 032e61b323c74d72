import assert from 'node:assert/strict';
import { copyFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { synset } from '../support/draw-images.js';
import { node, ROOT, TSC } from './consumer.js';

const blocksOf = (page: string): string[] =>
  [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => match[1]!);

const read = (page: string) => readFile(path.join(ROOT, page), 'utf8');

/** What each program of a page of the guide prints. */
const GUIDE: Readonly<Record<string, readonly RegExp[]>> = {
  library: [/^0\.00\n$/],
  'library/tensors': [
    /^\[ 2 \] Float32Array\(2\) \[ 10, 20 \]\nFloat32Array\(2\) \[ 3, 5 \] Int32Array\(2\) \[ 2, 1 \]\n$/,
    /^\[ 3, 4 \] \[ 2, 3 \] \[ 1, 1, 2, 4 \]\nFloat32Array\(2\) \[ 0\.75, 0\.5 \]\n\[ 2, 4 \] \[ 2, 2 \]\n$/,
    /^Float32Array\(3\) \[ 3, 12, 27 \]\nFloat32Array\(3\) \[ 6, 12, 18 \]\nfalse false\n$/,
    /^Float32Array\(2\) \[ 1, 1 \]\n$/,
  ],
  'library/models': [
    /^stem\.weight stem\.bias branches\.left\.weight .*branches\.right\.bias\n296 221248\nConv2d\(3, 8, .*\)\n$/,
    /^\[ 2, 3, 65 \] \[ 2, 3, 32 \]\n$/,
    /^1 × 4 × 6 × 6\n2 2\ntrue 4\n$/,
    /^true\n$/,
    /^\[ 1, 2, 8 \]\n$/,
    /^\[ 1, 4, 8 \]\n$/,
  ],
  'library/optimizing': [/^0 1 1 0 0\.000\n$/, /^0\.\d{3}\n\[ 3 \]\n$/, /^true\n\[ 0\.001, 0\.1 \]\n$/],
  'library/data': [
    /^(\[ 250 \] \[ 250, 2 \]\n){4}(\[ 4, 2 \] int32\n){2}(\[ 4, 8 \] \[ 4, 8 \]\n){4}\[ 2, 5 \]\n$/,
    /^Float32Array\(2\) \[ 0, 1 \] Float32Array\(2\) \[ 0, 1 \]\n.*\[ 2, 3 \] .*\[ 4, 9 \]\n$/,
    /^(\[ 32, 3, 32, 32 \] 2\.30\n){2}$/,
  ],
  // A logged run prints nothing.
  'library/training': [/^epoch 1: [\d.]+ %\nepoch 2: [\d.]+ %\n$/, /^skipped a batch\n2 true\n$/, /^$/],
  'library/saving': [
    /^0\.weight 0\.bias 2\.weight 2\.bias 1\n$/,
    /^true\n$/,
    /^(?:[\w ]+ [01]\.\d{3}\n){3}$/,
    /^(?:n\d+_\d+\.jpg [\w ]+\n){3}$/,
  ],
  'library/devices': [/^\S.*\ntrue\n$/, /^-?[\d.]+\n$/],
};

/** The pages' programs, on a run and images that are there. */
export function docsTests(places: () => { folder: string; run: string; images: string }): void {
  test('the programs of the guide compile and run, the paper of docs/papers.md trains, those of README.md compile', async () => {
    const { folder, run, images } = places();
    const there = path.join(folder, 'docs');
    await mkdir(path.join(there, 'images'), { recursive: true });
    await cp(run, path.join(there, 'runs/my-run'), { recursive: true });
    const drawn = path.join(images, 'val', synset(0));
    for (const name of (await readdir(drawn)).slice(0, 3))
      await copyFile(path.join(drawn, name), path.join(there, 'images', name));
    await copyFile(path.join(drawn, `${synset(0)}_0.jpg`), path.join(there, 'cat.jpg'));

    const pages = (await readdir(path.join(ROOT, 'docs/library'))).filter((name) => !name.includes('.zh.'));
    assert.deepEqual(
      pages.map((name) => `library/${name.replace('.md', '')}`).sort(),
      Object.keys(GUIDE).slice(1).sort(),
    );
    for (const [page, others] of [...Object.keys(GUIDE), 'papers'].map(
      (name) => [name, GUIDE[name]] as const,
    )) {
      const programs = blocksOf(await read(`docs/${page}.md`));
      assert.deepEqual(blocksOf(await read(`docs/${page}.zh.md`)), programs, `${page} in both languages`);
      if (others) assert.equal(programs.length, others.length, page);
      for (const [i, program] of programs.entries())
        await writeFile(path.join(there, `${page.replace('/', '-')}-${i}.ts`), program);
    }
    for (const [i, program] of blocksOf(await read('README.md')).entries())
      await writeFile(path.join(there, `readme-${i}.ts`), program);
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
    for (const [page, expected] of Object.entries(GUIDE))
      for (const [i, pattern] of expected.entries()) {
        const { code, stdout, stderr } = await node([`out/${page.replace('/', '-')}-${i}.js`], {
          cwd: there,
        });
        assert.equal(code, 0, `${page}, program ${i}: ${stderr}`);
        assert.match(stdout, pattern, `${page}, program ${i}`);
      }
    await mkdir(path.join(there, 'autoencoder'));
    await copyFile(path.join(there, 'out/papers-0.js'), path.join(there, 'autoencoder/index.js'));
    const command = path.join(folder, 'node_modules/paperweight/dist/src/cli/main.js');
    const trained = await node(
      [command, 'train', '--paper', './autoencoder', '--run', 'runs/autoencoder', '--threads', '1'],
      { cwd: there },
    );
    assert.equal(trained.code, 0, trained.stderr);
    // The variance of the images is 0.11.
    assert.match(trained.stdout, /On the test set: error 0\.00\d/);
  });
}
