import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { escapeXml, shorten } from '../../src/display/svg-text.js';
import { AlexNet } from '../../src/papers/alexnet/model.js';
import { architectureSvg, stagesOf } from '../../src/report/architecture.js';
import { confusionSvg } from '../../src/report/confusion.js';
import { curvesSvg } from '../../src/report/curves.js';
import { encodePng } from '../../src/report/drawing/png.js';
import { histogramsSvg } from '../../src/report/histogram.js';
import { kernelPixels, kernelsSvg } from '../../src/report/kernel-grid.js';
import { neighboursSvg } from '../../src/report/neighbours.js';
import { top5Svg } from '../../src/report/prediction-cards.js';

const EVIL = '<script>alert("x")</script>&\u0000\ud800\'';
const image = { width: 2, height: 2, rgb: Uint8Array.from({ length: 12 }, (_, i) => 20 * i) };

/** Every figure with hostile names. */
const figures: Record<string, string> = {
  kernels: kernelsSvg({ step: 1, count: 5, side: 3, data: new Float32Array(135).fill(0.5) }, EVIL),
  confusion: confusionSvg({
    title: EVIL,
    classes: [EVIL, 'b'],
    counts: [
      [3, 1],
      [0, 0],
    ],
  }),
  top5: top5Svg([{ image, label: EVIL, top: [{ label: EVIL, probability: 0.75 }] }], EVIL),
  neighbours: neighboursSvg(
    [{ image, label: EVIL, nearest: [{ image, label: EVIL, distance: 1.5 }] }],
    EVIL,
    'zh',
  ),
  histogram: histogramsSvg(
    [
      { name: EVIL, note: EVIL, histogram: { min: 0, max: 2e30, counts: [5, 0, 1] } },
      { name: 'without', note: '' },
    ],
    EVIL,
  ),
  curves: curvesSvg({
    title: EVIL,
    xLabel: EVIL,
    yLabel: EVIL,
    series: [
      {
        label: EVIL,
        points: [
          { step: 1, value: 2 },
          { step: 2, value: 1 },
        ],
      },
    ],
  }),
  architecture: architectureSvg({
    stages: [
      { title: EVIL, settings: EVIL, outputShape: [1, 4, 2, 2], followers: [EVIL], parameters: 5, macs: 1e7 },
      { title: 'Linear', settings: '', outputShape: [1, 3], followers: [], parameters: 0, macs: 0 },
    ],
    inputShape: [3, 8, 8],
    title: EVIL,
  }),
};

for (const [name, svg] of Object.entries(figures))
  test(`${name}: texts never become markup, and the image can be rendered`, async () => {
    assert.ok(!svg.includes('<script'), name);
    assert.match(svg, /&#60;script/);
    assert.ok(!/NaN|undefined|Infinity/.test(svg), name);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML must not hold them
    assert.ok(!/[\u0000-\u0008]|\p{Surrogate}/u.test(svg));
    const { width, height } = await sharp(Buffer.from(svg)).metadata();
    assert.ok(width > 100 && height > 50);
  });

test('text is escaped, and shortened by its width', () => {
  assert.equal(escapeXml(`<a b="c">'&`), '&#60;a b=&#34;c&#34;&#62;&#39;&#38;');
  assert.equal(escapeXml('a\u0007b\ud83d'), 'a\ufffdb\ufffd');
  assert.equal(escapeXml('猫🐱'), '猫🐱');
  assert.equal(escapeXml('a\u202eb\u2066'), 'a\\u202eb\\u2066');
  assert.equal(shorten('🐱🐱🐱🐱', 5), '🐱🐱…');
  assert.equal(shorten('卷积神经网络', 8), '卷积神…');
  assert.equal(shorten('卷积神经', 8), '卷积神经');
  assert.equal(shorten('abc', 3), 'abc');
});

test('a PNG has every pixel, also if it needs several blocks', async () => {
  for (const [width, height] of [
    [1, 1],
    [3, 2],
    [200, 150],
  ] as const) {
    const rgb = Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 31) % 256);
    const { data, info } = await sharp(encodePng({ width, height, rgb }))
      .raw()
      .toBuffer({ resolveWithObject: true });
    assert.deepEqual([info.width, info.height, info.channels], [width, height, 3]);
    assert.ok(rgb.every((value, i) => value === data[i]));
  }
});

test('each kernel is scaled to its own extremes around grey', () => {
  // Two kernels of one pixel: the same colours, one ten times as strong.
  const data = Float32Array.from([1, -1, 0.5, 10, -10, 5]);
  const { width, height, rgb } = kernelPixels({ count: 2, side: 1, data });
  assert.deepEqual([width, height], [3, 1]);
  assert.deepEqual([...rgb], [255, 1, 192, 128, 128, 128, 255, 1, 192]);
  const flat = kernelPixels({ count: 1, side: 2, data: new Float32Array(12) });
  assert.ok(flat.rgb.every((value) => value === 128));
  // 17 kernels: a second row.
  assert.equal(kernelPixels({ count: 17, side: 1, data: new Float32Array(51) }).height, 3);
});

test('AlexNet has eight layers with weights and three poolings, and its numbers add up', () => {
  const stages = stagesOf(new AlexNet({ numClasses: 10 }), [3, 224, 224]);
  assert.deepEqual(
    stages.map(({ title }) => title),
    [
      'Conv2d',
      'MaxPool2d',
      'Conv2d',
      'MaxPool2d',
      'Conv2d',
      'Conv2d',
      'Conv2d',
      'MaxPool2d',
      'Linear',
      'Linear',
      'Linear',
    ],
  );
  assert.deepEqual(stages[0]!.followers, ['LocalResponseNorm', 'ReLU']);
  assert.equal(stages[0]!.settings, '11×11, /4');
  assert.deepEqual(stages[7]!.followers, ['AdaptiveAvgPool2d', 'Dropout']);
  assert.equal(
    stages.reduce((sum, { parameters }) => sum + parameters, 0),
    new AlexNet({ numClasses: 10 }).parameters().reduce((sum, { size }) => sum + size, 0),
  );
});

test('a confusion matrix of many classes omits first the numbers, then the names', () => {
  const of = (n: number) => {
    const classes = Array.from({ length: n }, (_, i) => `class ${i}`);
    const counts = classes.map((_, t) => classes.map((__, p) => (t === p ? 7 : 0)));
    return confusionSvg({ title: 'm', classes, counts });
  };
  assert.match(of(10), />7<\/text>/);
  assert.doesNotMatch(of(30), />7<\/text>/);
  assert.match(of(30), />class 3<\/text>/);
  assert.doesNotMatch(of(100), />class 3<\/text>/);
  assert.ok(of(1000).length < 200_000);
});

test('curves: a logarithmic axis breaks the line at values that it cannot show', () => {
  const points = [1, 0, 100, 1000].map((value, i) => ({ step: i + 1, value }));
  const options = { title: 't', xLabel: 'x', yLabel: 'y', series: [{ label: 'a', points }] };
  const d = /<path class="s s0"[^>]* d="([^"]*)"/.exec(curvesSvg({ ...options, log: true }))![1]!;
  assert.equal(d.match(/M/g)!.length, 2);
  assert.equal(d.match(/L/g)!.length, 1);
  for (const series of [[], [{ label: 'none', points: [] }]])
    for (const log of [true, false])
      assert.doesNotMatch(curvesSvg({ ...options, series, log }), /NaN|Infinity|undefined/);
});

test('there are gaps between kernels, and nothing where the last row has none', async () => {
  const svg = kernelsSvg({ step: 1, count: 18, side: 2, data: new Float32Array(216).fill(0.5) }, 'k');
  assert.equal(svg.match(/<rect class="gap"/g)?.length, 15 + 1 + 1);
  const { data, info } = await sharp(Buffer.from(svg)).raw().toBuffer({ resolveWithObject: true });
  const zoom = Math.floor((info.width - 16) / 47);
  const at = (x: number, y: number) => data[info.channels * ((42 + y) * info.width + 8 + x)];
  const middle = Math.floor(zoom / 2);
  assert.equal(at(middle, middle), 255, 'a kernel of one positive value');
  assert.equal(at(2 * zoom + middle, middle), 255);
  assert.equal(at(10 * zoom, 3 * zoom + middle), 255, 'no third kernel below');
});
