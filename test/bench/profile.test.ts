import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byLayer, profileLines, traceEvents } from '../../src/bench/profile.js';
import { profileText } from '../../src/cli/bench/view.js';

const ROWS = [
  {
    op: 'conv2d',
    scope: 'a',
    kernel: 'jit',
    milliseconds: 2,
    macs: 4e6,
    layouts: ['src abcd', 'dst aBcd16b'],
  },
  { op: 'reorder', scope: 'a', kernel: 'jit:blk', milliseconds: 1, macs: 0 },
  { op: 'sum', scope: '', kernel: 'typescript', milliseconds: 5, macs: 0 },
];

test('rows have rates and shares, and layers are sorted by time', () => {
  const lines = profileLines(ROWS);
  assert.deepEqual(
    lines.map((l) => [l.gflops, l.share]),
    [
      [4, 0.25],
      [0, 0.125],
      [0, 0.625],
    ],
  );
  assert.deepEqual(byLayer(ROWS), [
    { scope: '', milliseconds: 5, macs: 0 },
    { scope: 'a', milliseconds: 3, macs: 4e6 },
  ]);
  assert.equal(profileLines([{ ...ROWS[0]!, milliseconds: 0 }])[0]!.gflops, 0, 'no division by zero');
});

test('the table names layer, kernel and layouts', () => {
  const text = profileText(ROWS).join('\n');
  assert.match(text, /^a +conv2d +2\.00 +4 +25\.0 % +jit +src abcd, dst aBcd16b$/m);
  assert.match(text, /\(outside layers\) +5\.00 +62\.5 %/);
  assert.match(text, /Total: 8\.0 ms in 3 rows\./);
});

test('a trace has one complete event per row, one after another, in microseconds', () => {
  const { traceEvents: events } = traceEvents(ROWS) as {
    traceEvents: { ph: string; name: string; cat?: string; ts?: number; dur?: number; args: object }[];
  };
  const complete = events.filter((e) => e.ph === 'X');
  assert.deepEqual(
    complete.map(({ name, cat, ts, dur }) => [name, cat, ts, dur]),
    [
      ['a conv2d', 'primitive', 0, 2000],
      ['a reorder', 'reorder', 2000, 1000],
      ['sum', 'script', 3000, 5000],
    ],
  );
  assert.deepEqual(complete[0]!.args, {
    op: 'conv2d',
    kernel: 'jit',
    macs: 4e6,
    gflops: 4,
    layouts: ['src abcd', 'dst aBcd16b'],
  });
  // The other events name the process and the thread.
  assert.ok(events.every((e) => e.ph === 'X' || e.ph === 'M'));
});
