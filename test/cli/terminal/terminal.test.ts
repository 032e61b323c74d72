import assert from 'node:assert/strict';
import test from 'node:test';
import { fittedTable, leftOutLine, table, widest } from '../../../src/cli/terminal/output.js';
import { plot } from '../../../src/cli/terminal/plot.js';
import { Progress } from '../../../src/cli/terminal/progress.js';
import { summaryLines } from '../../../src/cli/train/summary.js';
import { cut, widthOf } from '../../../src/display/text-width.js';
import type { DoneEvent, StepEvent } from '../../../src/run/events.js';

test('widths are counted in columns, not characters', () => {
  assert.equal(widthOf('train'), 5);
  assert.equal(widthOf('训练'), 4);
  assert.equal(widthOf('e\u0301é'), 2);
  assert.equal(widthOf('🐱'), 2);
  assert.equal(widthOf('│⠿░█…'), 5);
  assert.equal(cut('训练ab', 3), '训');
  assert.equal(cut('训练ab', 5), '训练a');
  assert.equal(cut('ab', 5), 'ab');
  assert.deepEqual(
    table(
      [
        ['猫', '1'],
        ['cat', '22'],
      ],
      'lr',
    ).map((line) => widthOf(line)),
    [7, 7],
  );
});

test('a table can have more rows than a call can have arguments', () => {
  const rows = Array.from({ length: 250_000 }, (_, i) => [`class ${i}`, String(i)]);
  const lines = table(rows, 'lr');
  assert.equal(lines.length, rows.length);
  assert.equal(lines[0], 'class 0            0');
  assert.equal(widest(lines), lines[0]!.length);
  assert.deepEqual(table([], 'lr'), []);
});

test('a table leaves out columns, the least important first, until it fits', () => {
  const cells = [
    ['Layer', 'Type', 'Output', 'Parameters'],
    ['features.0', 'Conv2d', '96 × 55 × 55', '34,944'],
  ];
  const at = (columns: number) => fittedTable(cells, 'lllr', [1, 3], columns);
  assert.deepEqual(at(100), { lines: table(cells, 'lllr'), leftOut: [] });
  assert.deepEqual(at(40).leftOut, ['Type']);
  assert.equal(at(40).lines[1], 'features.0  96 × 55 × 55      34,944');
  // Names and results stay, also where they do not fit.
  assert.deepEqual(
    [at(30).leftOut, at(10).leftOut],
    [
      ['Type', 'Parameters'],
      ['Type', 'Parameters'],
    ],
  );
  assert.deepEqual(leftOutLine(at(30)), ['A wider terminal also shows: Type, Parameters.']);
  assert.deepEqual(leftOutLine(at(100)), []);
});

test('a wide label never makes a line longer than the window', () => {
  for (const columns of [60, 30, 20, 12, 8]) {
    const writes: string[] = [];
    const stream = { isTTY: true, columns, write: (text: string) => writes.push(text) };
    const bar = new Progress({ label: '训练图片', total: 10, unit: '张', stream, env: { NO_COLOR: '1' } });
    bar.update(5, '损失 2.301');
    bar.done();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control codes are removed on purpose
    const plain = writes.map((text) => text.replaceAll(/\x1b\[\d*[A-Z]|\r|\n/g, ''));
    assert.ok(plain.every((text) => !text.includes('\x1b')));
    for (const text of plain) assert.ok(widthOf(text) < columns, `${columns}: ${text}`);
  }
});

test('a line wrapped by a narrower window is cleared completely', () => {
  const writes: string[] = [];
  const stream = { isTTY: true, columns: 100, write: (text: string) => writes.push(text) };
  let time = 0;
  const bar = new Progress({
    label: 'train',
    total: 10,
    unit: 'steps',
    stream,
    env: { NO_COLOR: '1' },
    now: () => time,
  });
  bar.update(5, 'loss 2.301');
  const drawn = writes.at(-1)!.length - '\r\x1b[K'.length;
  stream.columns = 30;
  time = 1000;
  bar.update(6, 'loss 2.301');
  // Moves up to the first of its rows and clears everything from there.
  const up = Math.ceil(drawn / 30) - 1;
  assert.ok(up > 0 && writes.at(-1)!.startsWith(`\r\x1b[${up}A\x1b[J`), JSON.stringify(writes));
  // The next update starts from a line that fits.
  time = 2000;
  bar.update(7, 'loss 2.301');
  assert.ok(writes.at(-1)!.startsWith('\r\x1b[K'));
  bar.done();
});

test('a curve falls from its first value to its last', () => {
  const lines = plot(
    Array.from({ length: 200 }, (_, i) => 2.5 - i / 100),
    { width: 27, height: 3 },
  );
  assert.equal(lines.length, 3);
  for (const line of lines) assert.equal(widthOf(line), 27);
  assert.match(lines[0]!, /^ 2\.5\d? │|^2\.50 │/);
  assert.match(lines[2]!, /^0\.5\d* │/);
  const dots = lines.map((line) => [...line.split('│')[1]!].map((c) => c.codePointAt(0)! - 0x2800));
  assert.ok(dots[0]![0]! > 0 && dots[2]![0] === 0, 'high on the left');
  assert.ok(dots[2]!.at(-1)! > 0 && dots[0]!.at(-1) === 0, 'low on the right');
  // No column is empty: the curve has no gaps.
  assert.ok(dots[0]!.every((_, x) => dots.some((row) => row[x]! > 0)));
});

test('there is no curve without values, with one value, or without room', () => {
  const size = { width: 40, height: 4 };
  assert.deepEqual(plot([], size), []);
  assert.deepEqual(plot([1], size), []);
  assert.deepEqual(plot([Number.NaN, 1], size), []);
  assert.deepEqual(plot([1, 2, 3], { width: 10, height: 4 }), []);
  assert.equal(plot([1, 1, 1], size).length, 4);
  assert.equal(plot([1, Number.NaN, 3], size).length, 4);
});

const done: DoneEvent = {
  event: 'done',
  run: 'runs/x',
  step: 40,
  testAccuracy: 44.5,
  testTop5: 90.25,
  testImages: 1000,
  seconds: 30,
};
const steps = Array.from(
  { length: 40 },
  (_, i): StepEvent => ({
    event: 'step',
    epoch: 1,
    step: i + 1,
    loss: 2.5 - i / 40,
    lr: 0.01,
    imagesPerSecond: 32,
    stepSeconds: 0.5,
    dataSeconds: 0,
    rssMiB: 100,
  }),
);

test('a summary has a curve on a terminal, otherwise one line', () => {
  assert.deepEqual(summaryLines(done, steps, undefined), [
    'Accuracy 44.5 % · top-5 90.3 % · last loss 1.525 · 40 steps · 0:20 in steps · 32 images/s on average',
  ]);
  for (const columns of [100, 60, 40, 25]) {
    const lines = summaryLines(done, steps, columns);
    for (const line of lines) assert.ok(widthOf(line) < columns, `${columns}: ${line}`);
    assert.equal(lines[0], 'Training loss');
    assert.match(lines[1]!, /^ ?2\.50? │[⠁-⣿]/);
  }
  assert.equal(summaryLines(done, [], 80).length, 1);
});
