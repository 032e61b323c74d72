import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWindowsName } from '../../../src/files/system/windows-name.js';

test('names of devices, of streams, and with endings that Windows drops are not names', () => {
  for (const name of ['con', 'NUL', 'runs/aux', 'runs\\Prn', 'com1', 'LPT9', 'lpt\u00b9', 'CONIN$'])
    for (const end of ['', '.txt', '.tar.gz', ' .x', '\\a'])
      assert.ok(!isWindowsName(name + end), name + end);
  for (const name of [
    'ab:c',
    'C:\\a:b',
    'a?',
    'a*',
    '<a>',
    'a|b',
    '"a"',
    'a.',
    'a ',
    'a.\\b',
    'a \\b',
    '...',
  ])
    assert.ok(!isWindowsName(name), name);
});

test('all other names are', () => {
  for (const name of [
    ...[
      'runs/a',
      'runs\\a b',
      '.',
      '..',
      '..\\..\\a',
      './a',
      'C:\\',
      'c:a',
      'C:\\Users\\Jörg\\实验',
      '.cache',
    ],
    ...[
      'console',
      'nullable',
      'auxiliary.txt',
      'com',
      'com10',
      'lpt0',
      'a.con',
      'icon',
      '\\\\server\\share\\a',
    ],
    // Windows takes such paths as they are.
    ...['\\\\?\\C:\\nul', '\\\\.\\nul'],
  ])
    assert.ok(isWindowsName(name), name);
});
