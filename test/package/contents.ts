import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { type Consumer, node } from './consumer.js';

/** What may be in the package; anything else needs a reason and a line here. */
const ALLOWED = [
  /^(?:LICENSE|README\.md|README\.zh-CN\.md|package\.json)$/,
  /^dist\/src\/(?!web\/)[\w/.-]+(?<!\.test)\.(?:js|d\.ts)$/,
  /^dist\/web\/(?:app\.css|app\.js|engine\.js|favicon\.svg|index\.html|licenses\.txt)$/,
  /^dist\/site\/(?:render\.js|networks\.json|(?:assets|train)\/[\w./-]+)$/,
  /^bench\/peers\/(?!read_tensorboard)[\w-]+\.(?:mjs|py|json)$/,
  /^bench\/peers\/suite\/\w+\.py$/,
  /^src\/papers\/[\w-]+\/notes(?:\.zh)?\.md$/,
  /^src\/papers\/(?!claims\/)[\w-]+\/[\w-]+(?<!\.test)\.ts$/,
  /^src\/papers\/[\w-]+\/(?:results|figures)\/[\w.-]+$/,
];
const NEEDED = [
  'LICENSE',
  'dist/src/index.js',
  'dist/src/index.d.ts',
  'dist/src/core.js',
  'dist/src/cli/main.js',
  'dist/src/backend/worker/host.js',
  'dist/src/serve/inference/host.js',
  'dist/web/engine.js',
  'dist/web/index.html',
  'dist/web/licenses.txt',
  'dist/site/render.js',
  'dist/site/assets/site.js',
  'dist/site/assets/licenses.txt',
  'src/papers/alexnet/model.ts',
  'src/papers/alexnet/notes.md',
  'src/papers/alexnet/notes.zh.md',
];
/** A little more than it is (4.3 MB, much of it figures of papers), to notice a data set that slipped in. */
const MAX_BYTES = 5_000_000;

export function contentTests(consumer: () => Consumer): void {
  test('the package holds what it needs and nothing else', async (t) => {
    const { files, packed, unpacked } = consumer();
    t.diagnostic(`${packed} bytes packed, ${unpacked} unpacked, ${files.length} files`);
    assert.deepEqual(
      files.filter((file) => !ALLOWED.some((rule) => rule.test(file))),
      [],
    );
    assert.deepEqual(
      NEEDED.filter((file) => !files.includes(file)),
      [],
    );
    assert.ok(packed < MAX_BYTES, `${packed} bytes`);
    const untyped = files.filter((file) => /^dist\/src\/.*\.js$/.test(file)).map((file) => file.slice(0, -3));
    assert.deepEqual(
      untyped.filter((file) => !files.includes(`${file}.d.ts`)),
      [],
    );
  });

  test('no file of the package names a source map, and the licences of bundled code are included', async () => {
    const { files, folder } = consumer();
    const root = path.join(folder, 'node_modules/paperweight');
    for (const file of files.filter((name) => /\.(?:js|css|ts)$/.test(name)))
      assert.doesNotMatch(await readFile(path.join(root, file), 'utf8'), /sourceMappingURL=/, file);
    const licenses = await readFile(path.join(root, 'dist/web/licenses.txt'), 'utf8');
    for (const name of ['preact', 'uplot', 'marked']) assert.match(licenses, new RegExp(`^${name} \\d`, 'm'));
    assert.match(licenses, /Permission is hereby granted/);
  });

  test('every export can be imported, and nothing else', async () => {
    const { folder } = consumer();
    const manifest = JSON.parse(
      await readFile(path.join(folder, 'node_modules/paperweight/package.json'), 'utf8'),
    );
    const names = Object.keys(manifest.exports).flatMap((key) =>
      key.includes('*') ? ['alexnet', 'resnet'].map((id) => key.replace('*', id)) : [key],
    );
    const papers = ['./papers/alexnet', './papers/alexnet/model', './papers/resnet', './papers/resnet/model'];
    assert.deepEqual(names.sort(), ['.', './core', './package.json', ...papers]);
    const code = `
      for (const name of ${JSON.stringify(names)}) {
        const json = name.endsWith('.json') ? { with: { type: 'json' } } : undefined;
        const found = await import('paperweight' + name.slice(1), json);
        if (Object.keys(found).length === 0) throw new Error(name + ' exports nothing');
      }
      const inner = await import('paperweight/dist/src/index.js').catch((error) => error.code);
      console.log(inner);`;
    const { code: exit, stdout, stderr } = await node(['--input-type=module', '-e', code], { cwd: folder });
    assert.equal(exit, 0, stderr);
    assert.equal(stdout.trim(), 'ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
}
