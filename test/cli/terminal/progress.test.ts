import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import {
  clock,
  Progress,
  type ProgressOptions,
  type ProgressStream,
} from '../../../src/cli/terminal/progress.js';

class FakeStream implements ProgressStream {
  readonly writes: string[] = [];

  constructor(
    readonly isTTY: boolean,
    public columns?: number,
  ) {}

  write(text: string): void {
    this.writes.push(text);
  }

  get text(): string {
    return this.writes.join('');
  }

  /** The text of the line on the screen. */
  get line(): string {
    return plain(this.writes.at(-1)!);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control codes are removed on purpose
const plain = (text: string): string => text.replaceAll(/\x1b\[[0-9;]*[A-Za-z]|\r/g, '');

function start(t: TestContext, stream: FakeStream, options: Partial<ProgressOptions> = {}) {
  let time = 1000;
  const bar = new Progress({
    label: 'train',
    total: 2000,
    unit: 'images',
    stream,
    env: {},
    now: () => time,
    ...options,
  });
  t.after(() => bar.done());
  const work = (ms: number, done: number, extra = 'loss 2.301') => {
    time += ms;
    bar.update(done, extra);
  };
  return { bar, work };
}

test('a line shows everything if there is room', (t) => {
  const stream = new FakeStream(true, 200);
  const { work } = start(t, stream);
  work(0, 0);
  for (let i = 1; i <= 10; i++) work(1000, 100 * i);
  assert.equal(
    stream.line,
    `train   50%  ${'█'.repeat(15)}${'░'.repeat(15)}  1,000/2,000 images  100 images/s  0:10 elapsed  0:10 left  loss 2.301`,
  );
});

test('a narrow window gets a shorter line, never a second one', (t) => {
  for (const columns of [200, 120, 100, 80, 60, 40, 30, 20, 10, 5]) {
    const stream = new FakeStream(true, columns);
    const { bar, work } = start(t, stream);
    work(0, 0);
    for (let i = 1; i <= 10; i++) work(1000, 100 * i);
    bar.log('a line');
    bar.done();
    for (const write of stream.writes.filter((text) => text !== 'a line\n'))
      assert.ok(plain(write).trimEnd().length < columns, `${columns}: ${write}`);
    assert.ok(stream.text.includes('50%'.slice(0, columns - 1)), `${columns}`);
  }
});

test('the order of omissions in a narrow window', (t) => {
  const at = (columns: number, extra?: string) => {
    const stream = new FakeStream(true, columns);
    const { work } = start(t, stream);
    work(0, 0);
    for (let i = 1; i <= 10; i++) work(1000, 100 * i, extra);
    return stream.line.replaceAll(/[█░]+/g, 'BAR');
  };
  assert.equal(at(81), 'train   50%  BAR  1,000/2,000 images  100 images/s  0:10 left  loss 2.301');
  assert.equal(at(75), 'train   50%  BAR  1,000/2,000 images  0:10 left  loss 2.301');
  assert.equal(at(64), 'train   50%  BAR  1,000/2,000 images  0:10 left');
  assert.equal(at(50), 'train   50%  BAR  1,000/2,000 images');
  assert.equal(at(40), ' 50%  BAR  1,000/2,000 images');
  assert.equal(at(30), ' 50%  1,000/2,000 images');
  assert.equal(at(20), ' 50%');
  // The text of a training, with the step count of a long run.
  const extra = 'loss 2.301  3.7 images/s  2.18 s/step, data 0.0 %';
  assert.equal(at(80, extra), 'train   50%  BAR  1,000/2,000 images  100 images/s  0:10 left  loss 2.301');
  assert.equal(at(60, extra), 'train   50%  BAR  1,000/2,000 images  0:10 left');
});

test('a training shows the figures of its last step, and no other rate', (t) => {
  const stream = new FakeStream(true, 200);
  const { bar, work } = start(t, stream, { total: 100, unit: 'steps', speed: false });
  for (let i = 0; i <= 5; i++) work(5000, 10 * i, 'loss 2.301  3.7 images/s  2.18 s/step, data 0.0 %');
  assert.match(
    stream.line,
    /50\/100 steps {2}0:30 elapsed {2}0:25 left {2}loss 2.301 {2}3.7 images\/s {2}2.18 s/,
  );
  bar.done();
  assert.doesNotMatch(plain(stream.text), /steps\/s/);
});

test('a terminal is updated at most ten times per second', (t) => {
  const stream = new FakeStream(true, 80);
  const { work } = start(t, stream);
  for (let i = 0; i < 1000; i++) work(1, i);
  assert.ok(stream.writes.length <= 11, `${stream.writes.length}`);
  assert.ok(stream.writes.length >= 9, `${stream.writes.length}`);
});

test('without a terminal there are plain lines, one per 30 seconds and one at the end', (t) => {
  const stream = new FakeStream(false);
  const { bar, work } = start(t, stream);
  for (let i = 0; i <= 650; i++) work(100, i);
  assert.equal(stream.writes.length, 2);
  bar.done();
  bar.done();
  assert.equal(stream.writes.length, 3);
  for (const write of stream.writes) assert.equal(write, `${plain(write).trimEnd()}\n`);
  assert.match(
    stream.writes[0]!,
    /^train {3}14% {2}299\/2,000 images {2}10 images\/s {2}0:30 elapsed {2}2:50 left {2}loss/,
  );
  assert.match(stream.writes[2]!, /650\/2,000 images {2}10\.0 images\/s|650\/2,000 images {2}10 images\/s/);
});

test('a terminal without control codes counts as none', (t) => {
  const stream = new FakeStream(true, 80);
  const { work } = start(t, stream, { env: { TERM: 'dumb' } });
  work(100, 1);
  assert.equal(stream.text, '');
});

test('colour is used only if wanted', (t) => {
  for (const [env, wanted] of [
    [{}, true],
    [{ NO_COLOR: '' }, true],
    [{ NO_COLOR: '1' }, false],
  ] as const) {
    const stream = new FakeStream(true, 80);
    start(t, stream, { env }).work(0, 1000);
    assert.equal(stream.text.includes('\x1b[36m'), wanted, JSON.stringify(env));
  }
});

test('a line above the bar replaces it, and the bar comes back', (t) => {
  const stream = new FakeStream(true, 80);
  const other = new FakeStream(false);
  const { bar, work } = start(t, stream);
  work(0, 0);
  bar.log('[1, 100] loss: 2.301', other);
  assert.deepEqual(other.writes, ['[1, 100] loss: 2.301\n']);
  assert.equal(stream.writes.at(-2), '\r\x1b[K');
  assert.match(stream.line, /^train/);
  bar.done();
  assert.equal(stream.writes.at(-1), '\n');
  const count = stream.writes.length;
  bar.log('after', other);
  bar.update(5);
  assert.equal(stream.writes.length, count, 'nothing is drawn after the end');
});

test('work of unknown size has no percentage and no bar until the size is known', (t) => {
  const stream = new FakeStream(true, 80);
  const { bar, work } = start(t, stream, { total: undefined, unit: 'bytes', label: 'CIFAR-10' });
  work(0, 0, '');
  work(1000, 5e6, '');
  assert.equal(stream.line, 'CIFAR-10  5.0 MB  5.0 MB/s  0:01 elapsed');
  bar.total = 10e6;
  work(1000, 10e6, '');
  assert.match(stream.line, /^CIFAR-10 {2}100% {2}█+ {2}10\.0\/10\.0 MB {2}5\.0 MB\/s {2}0:02 elapsed$/);
});

test('the rate excludes work done before', (t) => {
  const stream = new FakeStream(true, 200);
  const { work } = start(t, stream);
  work(0, 1000);
  work(1000, 1100);
  assert.match(stream.line, /100 images\/s .* 0:09 left/);
});

test('a bar of a later epoch shows the time of the whole run', (t) => {
  const stream = new FakeStream(true, 200);
  // By the test's clock it is 1 s; the run began 65 s before.
  const { work } = start(t, stream, { since: -64_000 });
  work(0, 1000);
  work(1000, 1100);
  assert.match(stream.line, /100 images\/s .* 1:06 elapsed .* 0:09 left/);
});

test('clock', () => {
  assert.deepEqual([0, 59.6, 65, 3599, 3600, 36_061].map(clock), [
    '0:00',
    '1:00',
    '1:05',
    '59:59',
    '1:00:00',
    '10:01:01',
  ]);
});
