import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import sharp from 'sharp';
import { csvCell, csvOf, type ExportedChart, svgOf } from '../../src/web/lib/chart-export.js';
import { NO_BROWSER } from './browser.js';
import { pages } from './pages.js';

const chart: ExportedChart = {
  title: 'Loss <b> & "more"',
  xLabel: 'Step',
  xText: String,
  lines: [
    {
      label: '=1+1,"a"',
      color: '--run-1',
      step: [1, 2, 3, 4],
      value: [2, 1.5, null, 0.1],
      band: { min: [1, 1, Number.NaN, 0], max: [3, 2, Number.NaN, 9] },
      gaps: [3],
    },
    { label: 'b\u0000\u001b[31m</svg>', color: '--run-2', step: [2, 5], value: [7, 8], dash: [7, 4] },
  ],
  range: { from: 0, to: 4 },
  frame: { min: 0, max: 4 },
  log: false,
  format: String,
};

test('CSV has each step of the range once, and no name becomes a formula', () => {
  assert.deepEqual(csvOf(chart).split('\r\n'), [
    `Step,"'=1+1,""a""","'=1+1,""a"" (min)","'=1+1,""a"" (max)",b\\x00\\x1b[31m</svg>`,
    '1,2,1,3,',
    '2,1.5,1,2,7',
    '3,,,,',
    '4,0.1,0,9,',
    '',
  ]);
});

test('CSV cells have control characters and marks of direction as escapes', () => {
  assert.equal(csvCell('a\u001b[1m\u0000\u202eb'), 'a\\x1b[1m\\x00\\u202eb');
  assert.equal(csvCell('a\nb'), '"a\nb"');
});

test('CSV has logged values under the name of a smoothed line, and names the band of a mean', () => {
  const line = { label: 'a', color: '--run-1', step: [1, 2], value: [2, 1.5] };
  const mean = { ...line, label: 'g', mean: 'smoothed', band: { min: [1, 1], max: [3, 2] } } as const;
  const csv = csvOf({ ...chart, lines: [{ ...line, logged: [9, Number.NaN] }, mean] });
  assert.deepEqual(csv.split('\r\n'), [
    'Step,a,a (smoothed),g (mean of smoothed),g (mean − sd),g (mean + sd)',
    '1,9,2,2,1,3',
    '2,,1.5,1.5,1,2',
    '',
  ]);
  assert.match(csvOf({ ...chart, lines: [{ ...mean, mean: 'logged' }] }), /^Step,g \(mean\),/);
});

test('SVG has several names in a row, whole, and dots for single values', () => {
  const lines = Array.from({ length: 12 }, (_, i) => ({
    label: `run ${i}`,
    color: '--run-1',
    step: [1],
    value: [i / 4],
  }));
  const long = { ...lines[0]!, label: `long ${'x'.repeat(100)}` };
  const svg = svgOf({ ...chart, lines: [...lines, long] }, () => '#123456');
  const place = (label: string) =>
    new RegExp(`<text x="([\\d.]+)" y="([\\d.]+)"[^>]*>${label}</text>`).exec(svg)?.slice(1).map(Number);
  const [first, second, last] = [place('run 0')!, place('run 1')!, place('run 11')!];
  assert.ok(second[0]! > first[0]! && second[1] === first[1], 'beside each other');
  assert.ok(last[1]! > first[1]! && last[0]! < 900);
  assert.ok(place(long.label), 'not shortened');
  assert.equal(svg.match(/<circle /g)?.length, 13);
});

test('SVG is valid for any names, with its curves, gaps and marks', async () => {
  for (const log of [false, true]) {
    const svg = svgOf({ ...chart, log, frame: log ? { min: 0.1, max: 4 } : chart.frame }, () => '#123456');
    assert.doesNotMatch(svg, /<b>|NaN|Infinity|undefined/);
    assert.ok(!svg.includes('\u0000') && !svg.includes('\u001b'));
    assert.equal(svg.match(/<\/svg>/g)?.length, 1);
    assert.match(svg, /d="M[\d. ]+L[\d. ]+M[\d. ]+"/, 'a gap where the value is missing');
    assert.ok(svg.includes('▲') && svg.includes('×'));
    const { width, height } = await sharp(Buffer.from(svg)).metadata();
    assert.ok(width === 900 && height! > 400);
  }
});

describe('saving a chart', { skip: NO_BROWSER }, () => {
  const web = pages();

  test('as SVG, PNG and CSV, from a run and from a comparison', async () => {
    for (const hash of ['#/run/quick-7', '#/compare?ids=live,quick-7']) {
      const { page, complaints, close } = await web.open(hash);
      // Charts appear as their data arrive, so the first one may be another.
      const button = page.getByRole('button', { name: 'Save “Training loss” as SVG', includeHidden: true });
      await page.locator('details', { has: button }).locator('summary').click();
      const saved = async (kind: string) => {
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.getByRole('button', { name: `Save “Training loss” as ${kind}` }).click(),
        ]);
        assert.equal(download.suggestedFilename(), `Training-loss.${kind.toLowerCase()}`);
        return readFile(await download.path());
      };
      const svg = await sharp(await saved('SVG')).metadata();
      const png = await sharp(await saved('PNG')).metadata();
      assert.deepEqual([png.format, png.width, png.height], ['png', 2 * svg.width!, 2 * svg.height!]);
      const lines = (await saved('CSV')).toString('utf8').split('\r\n');
      assert.match(lines[0]!, /^\ufeffStep,/);
      assert.ok(lines.length > 200);
      assert.ok(lines.slice(1, -1).every((line) => /^\d+,/.test(line)));
      assert.deepEqual(complaints, []);
      await close();
    }
  });
});
