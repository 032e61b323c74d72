import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isWindowsName } from '../../src/files/system/windows-name.js';
import { codeFiles } from './imports.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Number of files per folder that a reader can survey. */
const MOST_FILES = 20;
/** Upper limit of the median length of files. */
const MEDIAN_LINES = 100;
/** Tests of code outside `src/`, or of all of it. */
const OWN_SUBJECT = new Set(['fuzz', 'house', 'package', 'scripts']);

const sources = codeFiles(ROOT, 'src');
const tests = codeFiles(ROOT, 'test');
const folderOf = (file: string): string => file.slice(0, file.lastIndexOf('/'));

describe('folders', () => {
  it('hold few files of code each', () => {
    const counts = new Map<string, number>();
    const others = ['bench', 'fuzz'].flatMap((folder) => codeFiles(ROOT, folder));
    for (const file of [...sources, ...tests, ...others])
      counts.set(folderOf(file), (counts.get(folderOf(file)) ?? 0) + 1);
    const large = [...counts].filter(([, files]) => files > MOST_FILES);
    assert.deepEqual(
      large.map(([folder, files]) => `${folder}: ${files} files; make subfolders by subject`),
      [],
    );
  });

  it('hold short files', () => {
    const lengths = sources.map((file) => readFileSync(join(ROOT, file), 'utf8').split('\n').length);
    const median = lengths.sort((a, b) => a - b)[Math.floor(lengths.length / 2)]!;
    assert.ok(median < MEDIAN_LINES, `half of the files have ${median} lines or more`);
  });

  it('have names that every system can use, and text that git does not change', {
    skip: !existsSync(join(ROOT, '.git')) && 'this is no clone',
  }, () => {
    const list = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8', maxBuffer: 2 ** 26 });
    const files = list.split('\0').filter((file) => file !== '');
    assert.ok(files.length > 1000, `${files.length} files`);
    assert.deepEqual(
      files.filter((file) => !isWindowsName(file)),
      [],
    );
    // Windows and macOS take names that differ in case for one, and Windows limits a path to 260 characters.
    const names = new Map(files.map((file) => [file.toLowerCase(), file]));
    assert.deepEqual(
      files.filter((file) => names.get(file.toLowerCase()) !== file),
      [],
    );
    assert.deepEqual(
      files.filter((file) => file.length > 120),
      [],
    );
    assert.match(readFileSync(join(ROOT, '.gitattributes'), 'utf8'), /^\* -text$/m);
  });

  it('of tests mirror the folders of the sources', () => {
    const folders = new Set(tests.filter((file) => file.endsWith('.test.ts')).map(folderOf));
    const strange = [...folders].filter((folder) => {
      const [, first] = folder.split('/');
      return (
        first !== undefined &&
        !OWN_SUBJECT.has(first) &&
        !existsSync(join(ROOT, folder.replace('test', 'src')))
      );
    });
    assert.deepEqual(
      strange.map((folder) => `${folder} has no ${folder.replace('test', 'src')}`),
      [],
    );
  });
});
