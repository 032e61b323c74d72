import assert from 'node:assert/strict';
import test from 'node:test';
import { listed, namesFromList } from '../../../src/data/images/class-list.js';
import { DataError } from '../../../src/errors/errors.js';

const names = (folders: string[], lines: string[]) => namesFromList('classes.txt', folders, lines);

test('a list names folders in any order', () => {
  assert.deepEqual(names(['cat', 'dog', 'ship'], ['ship', 'dog', 'cat']), ['cat', 'dog', 'ship']);
  assert.deepEqual(names(['cat', 'dog'], ['ship', 'dog', 'cat']), ['cat', 'dog']);
});

test('numbers before names are removed', () => {
  for (const lines of [
    ['1 cat', '2 dog'],
    ['0: dog', '1: cat'],
    ['2. cat', '1. dog'],
    ['1,cat', '2,dog'],
    ['1) cat', '2) dog'],
    ['1\tcat', '2\tdog'],
  ])
    assert.deepEqual(names(['cat', 'dog'], lines), ['cat', 'dog'], lines.join());
  for (const lines of [
    ['cat 0', 'dog 1'],
    ['dog,1', 'cat,2'],
    ['cat: 1', 'dog: 2'],
    ['cat\t0', 'dog\t1'],
    ['dog = 0', 'cat = 1'],
    ['cat ;1', 'dog ;2'],
  ])
    assert.deepEqual(names(['cat', 'dog'], lines), ['cat', 'dog'], lines.join());
  assert.deepEqual(listed(['dog,1', 'cat,0']), ['cat', 'dog']);
  assert.deepEqual(listed(['polar bear 1', 'dog 0']), ['dog', 'polar bear']);
  assert.deepEqual(names(['0', '1'], ['polar bear, 1', 'dog, 0']), ['dog', 'polar bear']);
  assert.deepEqual(names(['n01', 'n02'], ['1 n01', '2 n02']), ['n01', 'n02']);
  // Names may end in a number, or begin with one.
  assert.deepEqual(listed(['type 1', 'type 2']), ['type 1', 'type 2']);
  assert.deepEqual(listed(['Boeing 737', 'Airbus 320']), ['Boeing 737', 'Airbus 320']);
  assert.deepEqual(names(['cat 0', 'dog 1'], ['cat 0', 'dog 1']), ['cat 0', 'dog 1']);
  assert.deepEqual(listed(['7 up', '3 musketeers']), ['7 up', '3 musketeers']);
  assert.deepEqual(listed(['2 dog', '1 cat']), ['cat', 'dog']);
});

test('a list may map folders to display names', () => {
  assert.deepEqual(names(['n02', 'n01'], ['n01 tench, Tinca tinca', 'n02 shark']), [
    'shark',
    'tench, Tinca tinca',
  ]);
  assert.deepEqual(names(['1', '10', '2'], ['1 cat', '2 dog', '10 ship']), ['cat', 'ship', 'dog']);
  assert.deepEqual(names(['0', '1', '2'], ['cat', 'dog', 'ship']), ['cat', 'dog', 'ship']);
  assert.deepEqual(names(['001', '002'], ['1 cat', '2 dog']), ['cat', 'dog']);
  const twelve = Array.from({ length: 12 }, (_, i) => String(i)).sort();
  assert.deepEqual(
    names(
      twelve,
      Array.from({ length: 12 }, (_, i) => `name ${i}`),
    ),
    twelve.map((number) => `name ${number}`),
  );
});

test('folders of CUB-200 keep their names, with and without numbers in the list', () => {
  const folders = ['001.Black_footed_Albatross', '002.Laysan_Albatross'];
  assert.deepEqual(names(folders, ['1 001.Black_footed_Albatross', '2 002.Laysan_Albatross']), folders);
  assert.deepEqual(names(folders, ['002.Laysan_Albatross', '001.Black_footed_Albatross']), folders);
  const bare = ['Black_footed_Albatross', 'Laysan_Albatross'];
  assert.deepEqual(names(folders, bare), bare);
  assert.deepEqual(names(folders, ['2 Laysan_Albatross', '1 Black_footed_Albatross']), bare);
  assert.deepEqual(names(bare, ['1 001.Black_footed_Albatross', '2 002.Laysan_Albatross']), bare);
});

test('a folder missing in the list is an error that shows both lists; it is never matched by position', () => {
  const refused = (folders: string[], lines: string[]) =>
    assert.throws(
      () => names(folders, lines),
      (error) => error instanceof DataError && /n01.*apple/.test(error.message),
    );
  refused(['n01', 'n02'], ['apple', 'pear']);
  refused(['n01', 'n02', 'n03'], ['apple', 'pear']);
  refused(['cat', 'n01'], ['1 apple', '2 cat']);
  assert.throws(() => names(['0', '1', '2'], ['apple', 'pear']), DataError);
  assert.throws(() => names(['3', '5'], ['apple', 'pear']), DataError);
});
