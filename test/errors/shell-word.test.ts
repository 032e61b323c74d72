import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { shellWord } from '../../src/errors/shell-word.js';

test('a word is read back by a POSIX shell as it was', {
  skip: process.platform === 'win32' && 'Windows has no /bin/sh',
}, () => {
  const words = ['runs/a-1.b', "it's a run", 'a*=0.1', '$(true)', '', 'ünï', '实验 1', 'a\\b', '"', 'a\nb'];
  const line = `printf '%s\\0' ${words.map((word) => shellWord(word)).join(' ')}`;
  const read = execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' }).split('\0').slice(0, -1);
  assert.deepEqual(read, words);
  for (const plain of ['runs/a-1.b', '实验']) assert.equal(shellWord(plain, 'linux'), plain);
});

test('on Windows a word has double quotes, which cmd.exe and PowerShell read in the same way', () => {
  for (const plain of ['runs\\a-1.b', 'C:\\Users\\Jörg', 'D:\\实验\\', 'C:\\PROGRA~1'])
    assert.equal(shellWord(plain, 'win32'), plain);
  for (const [text, word] of [
    ['C:\\my runs\\a', '"C:\\my runs\\a"'],
    ['C:\\my runs\\', '"C:\\my runs\\\\"'],
    ["it's", '"it\'s"'],
    // A list in PowerShell, and a second command in cmd.exe.
    ['a,b', '"a,b"'],
    ['a & b', '"a & b"'],
    ['a"b\\"', '"a\\"b\\\\\\""'],
    ['', '""'],
  ] as const)
    assert.equal(shellWord(text, 'win32'), word);
});

test('cmd.exe reads it back as it was', {
  skip: process.platform !== 'win32' && 'there is no cmd.exe',
}, () => {
  const words = ['runs\\a', 'C:\\my runs\\', 'a & b', 'a,b;c=d', "it's (1)", 'Jörg 实验', '--x=1 2', 'a^b|c'];
  const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
  const line = [process.execPath, '-e', script, ...words].map((word) => shellWord(word)).join(' ');
  const { stdout } = spawnSync('cmd.exe', ['/d', '/s', '/c', `"${line}"`], {
    encoding: 'utf8',
    windowsVerbatimArguments: true,
  });
  assert.deepEqual(JSON.parse(stdout), words);
});
