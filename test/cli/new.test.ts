import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { jsonLines, runNode } from '../support/cli.js';
import { scratch } from '../support/toy.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const LONG = { timeoutMs: 300_000 };

/** A copy of the sources, so that a new paper does not affect other tests. */
async function copyOfSources(t: Parameters<typeof scratch>[0]): Promise<string> {
  const root = await scratch(t);
  for (const name of ['src', 'dist/src', 'dist/site', 'package.json', 'tsconfig.json', 'dist/.tsbuildinfo'])
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return root;
}

test('a new paper is a folder: created, compiled, inspected, trained, reproduced and tested', async (t) => {
  const root = await copyOfSources(t);
  const paperweight = (...args: string[]) =>
    runNode([join(root, 'dist/src/cli/main.js'), ...args], { cwd: root, ...LONG });
  const before = readdirSync(join(root, 'src'), { recursive: true }).length;

  const made = await paperweight('new', 'tiny-net', '--name', "Someone's tiny net");
  assert.equal(made.code, 0, made.stderr);
  const folder = join(root, 'src/papers/tiny-net');
  const files = [
    'claims.ts',
    'index.ts',
    'model.ts',
    'notes.md',
    'notes.zh.md',
    'recipe.ts',
    'tiny-net.test.ts',
  ];
  assert.deepEqual(readdirSync(folder).sort(), files);
  assert.equal(readdirSync(join(root, 'src'), { recursive: true }).length, before + files.length + 1);
  const again = await paperweight('new', 'tiny-net');
  assert.equal(again.code, 2, again.stderr);
  assert.match(again.stderr, /already/);

  // Quotes, ends of comments and long titles stay text in the code that is made from a note.
  const note = join(root, 'note.md');
  writeFileSync(
    note,
    `# It's \`a\` "net" */\n\nA. Nother, B. Others: *${'A very long title '.repeat(8)}*. 2014.\n\nError: 12 % isn't "much" */.\n`,
  );
  const noted = await paperweight('new', 'noted-net', '--from', note);
  assert.equal(noted.code, 0, noted.stderr);
  assert.match(noted.stderr, /Guessed from the note, to be checked: authors, title, year/);
  assert.match(noted.stderr, /1 sentence with numbers/);
  const nameless = await paperweight('new');
  assert.equal(nameless.code, 2);
  assert.match(nameless.stderr, /has no id\. Expected small letters.*; got no id and no --from/);

  const tsc = await runNode([join(root, 'node_modules/typescript/bin/tsc'), '-p', root], LONG);
  assert.equal(tsc.code, 0, tsc.stdout);
  const biome = await runNode(
    [
      join(root, 'node_modules/@biomejs/biome/bin/biome'),
      'check',
      '--config-path',
      ROOT,
      folder,
      join(folder, '../noted-net'),
    ],
    LONG,
  );
  assert.equal(biome.code, 0, biome.stdout + biome.stderr);

  const inspected = await paperweight('inspect', 'tiny-net');
  assert.match(inspected.stdout, /^Someone's tiny net, preset paper, 10 classes/, inspected.stderr);
  const drafted = await paperweight('reproduce', 'noted-net', '--list', '--json');
  assert.deepEqual(
    jsonLines(drafted.stdout).map(({ event, id, verdict }) => [event, id, verdict]),
    [['claim', 'todo-1', 'not measured']],
    drafted.stderr,
  );
  const quick = ['--device', 'reference', '--max-steps', '3', '--batch-size', '4', '--eval-limit', '20'];
  const run = join(root, 'run');
  const trained = await paperweight(
    'train',
    '--paper',
    'tiny-net',
    '--dataset',
    'shapes10',
    '--run',
    run,
    ...quick,
  );
  assert.equal(trained.code, 0, trained.stderr);
  assert.match(trained.stdout, /Accuracy on test set/);
  const evaluated = await paperweight('eval', run, '--device', 'reference', '--eval-limit', '20', '--json');
  assert.equal(evaluated.code, 0, evaluated.stderr);
  const listed = await paperweight('reproduce', 'tiny-net', '--list', '--json');
  const lines = jsonLines(listed.stdout);
  assert.deepEqual(
    lines.map(({ event, id, run: name, verdict }) => [event, id ?? name, verdict]),
    [
      ['claim', 'parameters', 'refuted'],
      ['claim', 'rate', 'not measured'],
      ...['rate-0.01-seed0', 'rate-0.01-seed1', 'rate-0.0001-seed0', 'rate-0.0001-seed1'].map((name) => [
        'missing',
        name,
        undefined,
      ]),
    ],
  );
  const tested = await runNode(['--test', join(root, 'dist/src/papers/tiny-net/tiny-net.test.js')], LONG);
  assert.equal(tested.code, 0, tested.stdout);
  // No partial file is left.
  assert.ok(!existsSync(join(root, 'runs')));
  assert.match(readFileSync(join(folder, 'notes.md'), 'utf8'), /<!-- claims: .*-->\n\n<!-- \/claims -->/);
});
