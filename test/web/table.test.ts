import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { axe, NO_BROWSER, overflow } from './browser.js';
import { pages } from './pages.js';

const WIDE = { viewport: { width: 1440, height: 900 } };

describe('the table of runs', { skip: NO_BROWSER }, () => {
  const web = pages({ each: true });

  test('columns of any setting, filters by value, order, all in the address', async () => {
    const { page, complaints, close } = await web.open('', WIDE);
    await page.locator('table.runs').waitFor();
    await page.getByText('Columns', { exact: true }).click();
    await page.getByLabel('Find a setting or result …').fill('step');
    await page.getByLabel('step', { exact: true }).check();
    await page.getByText('Columns', { exact: true }).click();
    await page.getByRole('button', { name: 'lr', exact: true }).click();
    await page.getByRole('button', { name: 'lr', exact: true }).click();
    await page.waitForURL(/(?=.*cols=lr%2Cschedule.kind%2Cstep)(?=.*sort=lr)(?=.*desc=1)/);
    assert.equal(await page.locator('tbody .col-name a').first().textContent(), 'Quick, seed 7');
    await page.getByRole('searchbox').last().fill('lr<0.02 accuracy>=62');
    await page.getByText('4 of 6 runs').waitFor();
    await page.waitForURL(/q=/);
    await page.reload();
    await page.getByText('4 of 6 runs').waitFor();
    assert.equal(await page.locator('td.col-own').first().innerText(), '0.01');
    assert.deepEqual(complaints, []);
    await close();
  });

  test('a pinned baseline stands first, with differences from it', async () => {
    const { page, complaints, close } = await web.open('#/?cols=lr', WIDE);
    await page.getByLabel('Select Quick, seed 7').check();
    await page.getByRole('button', { name: 'Use as baseline' }).click();
    await page.waitForURL(/base=quick-7/);
    assert.equal(await page.locator('tbody .col-name a').first().textContent(), 'Quick, seed 7');
    const row = page.locator('tbody tr', { hasText: 'a&b' });
    assert.equal(await row.locator('.col-accuracy .difference').textContent(), '+9.3%');
    assert.equal(await row.locator('td.col-own.differs .difference').textContent(), '−0.01');
    assert.deepEqual(await axe(page), []);
    await page.setViewportSize({ width: 375, height: 800 });
    assert.ok((await overflow(page)) <= 0);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('notes and colours; tags and deletion of several runs, and undo', async () => {
    const { page, complaints, close } = await web.open('', WIDE);
    await page.getByRole('button', { name: 'Rename or tag paused' }).click();
    await page.getByRole('textbox', { name: 'Note' }).fill('<b>waits</b> for data');
    await page.getByLabel('Colour 3').check();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByText('<b>waits</b> for data').waitFor();
    assert.equal(web.fixture.runs.find(({ id }) => id === 'paused')?.color, 3);
    await page.getByLabel('Select live').check();
    await page.getByLabel('Select failed').check();
    await page.getByLabel('Select old').check();
    await page.getByRole('button', { name: 'Tag', exact: true }).click();
    await page.getByLabel('Add tags').fill('seen, twice');
    await page.getByLabel('long', { exact: true }).check();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const tags = (id: string) => web.fixture.runs.find((run) => run.id === id)?.tags;
    assert.deepEqual(
      [tags('live'), tags('failed')],
      [
        ['baseline', 'seen', 'twice'],
        ['seen', 'twice'],
      ],
    );
    // The run that is training stays.
    await page.getByRole('button', { name: 'Delete 2' }).click();
    await page.getByText('2 runs deleted.').waitFor();
    assert.deepEqual(web.fixture.runs.map(({ id }) => id).sort(), [
      'a&b ünï,code',
      'live',
      'paused',
      'quick-7',
    ]);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByRole('link', { name: 'failed', exact: true }).waitFor();
    await page.getByRole('link', { name: 'old', exact: true }).waitFor();
    assert.deepEqual(complaints, []);
    await close();
  });

  test('the table is saved as CSV and JSON with the chosen columns', async () => {
    const { page, complaints, close } = await web.open('#/?cols=lr&q=quick,', WIDE);
    await page.locator('table.runs').waitFor();
    await page.getByText('Save table').click();
    const saved = async (kind: string) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: `Save the table as ${kind}` }).click(),
      ]);
      return (await readFile(await download.path())).toString('utf8');
    };
    const [head, first, end] = (await saved('CSV')).split('\r\n');
    assert.match(head!, /^\ufeffid,name,status,tags,note,.*lr,accuracy,loss/);
    assert.match(first!, /^quick-7,"Quick, seed 7",done/);
    assert.equal(end, '');
    const [run] = JSON.parse(await saved('JSON')) as Record<string, unknown>[];
    assert.deepEqual([run!.id, run!.lr, run!.note], ['quick-7', 0.02, null]);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('the first page shows the curves of all runs, live, in any metric', async () => {
    const { page, complaints, close } = await web.open('', WIDE);
    const plot = page.getByRole('group', { name: 'Training loss' });
    await plot.locator('canvas').waitFor();
    await page.getByRole('group', { name: 'Test accuracy' }).locator('canvas').waitFor();
    const asked = () => web.fixture.requests.filter((line) => /\/api\/curves/.test(line)).length;
    const before = asked();
    await page.getByText('Live', { exact: true }).waitFor();
    web.fixture.runs = web.fixture.runs.map((run) => (run.id === 'live' ? { ...run, step: 640 } : run));
    web.fixture.emitRuns({ event: 'run', run: web.fixture.runs[0]! });
    for (let i = 0; i < 200 && asked() === before; i++) await page.waitForTimeout(50);
    assert.ok(asked() > before);
    await page
      .getByRole('combobox', { name: 'Metric of the curves', exact: true })
      .selectOption('imagesPerSecond');
    await page.getByRole('group', { name: 'Samples per second' }).locator('canvas').waitFor();
    await page.waitForURL(/metric=imagesPerSecond/);
    await page.getByRole('combobox', { name: 'Metric of the curves on the right' }).selectOption('loss');
    await page.getByRole('group', { name: 'Training loss' }).locator('canvas').waitFor();
    await page.waitForURL(/second=loss/);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('the curves of the first page are smoothed, and drawn over time, as the address says', async () => {
    const { page, complaints, close } = await web.open('#/?q=quick&sort=loss', WIDE);
    await page.getByRole('group', { name: 'Training loss' }).locator('canvas').waitFor();
    await page.getByLabel('X axis').selectOption('time');
    await page.getByRole('slider').fill('80');
    await page.waitForURL(/(?=.*q=quick)(?=.*sort=loss)(?=.*x=time)(?=.*smooth=80)/);
    await page.getByRole('searchbox').first().fill('');
    await page.waitForURL(/\/\?sort=loss&x=time&smooth=80$/);
    assert.equal(await page.getByLabel('X axis').inputValue(), 'time');
    assert.deepEqual(complaints, []);
    await close();
  });

  test('settings in which the runs differ are columns, until others or none are chosen', async () => {
    const { page, complaints, close } = await web.open('', WIDE);
    const heads = page.locator('th.col-own');
    await page.getByRole('button', { name: 'lr', exact: true }).waitFor();
    assert.deepEqual(await heads.allInnerTexts(), ['lr', 'kind']);
    await page.getByText('Columns', { exact: true }).click();
    await page.getByLabel('lr', { exact: true }).uncheck();
    await page.waitForURL(/cols=schedule.kind$/);
    await page.getByLabel('schedule.kind', { exact: true }).uncheck();
    await page.waitForURL(/cols=$/);
    assert.equal(await heads.count(), 0);
    await page.reload();
    await page.locator('table.runs').waitFor();
    assert.equal(await heads.count(), 0);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('menus close by Escape and by a click elsewhere; a dialog begins in its field', async () => {
    const { page, complaints, close } = await web.open('', WIDE);
    await page.getByText('Columns', { exact: true }).click();
    const menu = page.locator('details.menu').first();
    await page.getByLabel('Find a setting or result …').click();
    await page.keyboard.press('Escape');
    await page.locator('details.menu[open]').waitFor({ state: 'detached' });
    assert.equal(await page.locator('summary:focus').textContent(), 'Columns');
    await page.getByText('Columns', { exact: true }).click();
    await page.getByLabel('lr', { exact: true }).uncheck();
    assert.equal(await menu.getAttribute('open'), '');
    await page.locator('h1').click();
    await page.locator('details.menu[open]').waitFor({ state: 'detached' });
    await page.getByLabel('Select live').check();
    await page.getByRole('button', { name: 'Tag', exact: true }).click();
    const field = page.getByLabel('Add tags');
    assert.equal(await page.locator('dialog input:focus').count(), 1);
    await field.fill(`short, ${'x'.repeat(200)}`);
    assert.equal(
      await field.evaluate((it) => (it as unknown as { validationMessage: string }).validationMessage),
      'A tag has at most 50 characters.',
    );
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    assert.equal(await page.getByRole('dialog').count(), 1);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('the buttons of a run stay in the window beside many columns; a phone has axes and smoothing', async () => {
    const many = 'lr,schedule.kind,step,epoch,seed,paper,preset,recipe,batchSize,epochs,model.dropout,id';
    const { page, complaints, close } = await web.open(`#/?cols=${many}`, WIDE);
    const button = page.getByRole('button', { name: 'Rename or tag paused' });
    await button.waitFor();
    const box = (await button.boundingBox())!;
    assert.ok(box.x + box.width <= 1440, String(box.x));
    await page.setViewportSize({ width: 375, height: 800 });
    assert.ok(await page.getByLabel('X axis').isVisible());
    await page.getByRole('slider').fill('80');
    assert.ok((await overflow(page)) <= 0);
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('a parallel plot has a line for each run', async () => {
    const { page, complaints, close } = await web.open('', WIDE);
    await page.getByRole('button', { name: 'Parallel plot' }).click();
    const lines = page.locator('.parallel-line');
    await lines.first().waitFor();
    // All but the one that has neither loss nor accuracy.
    assert.equal(await lines.count(), 5);
    assert.deepEqual(await page.locator('.parallel-name').allTextContents(), [
      'lr',
      'kind',
      'loss',
      'accuracy',
    ]);
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('of many runs a part is drawn at first', async () => {
    const [model] = web.fixture.runs;
    web.fixture.runs = Array.from({ length: 450 }, (_, i) => ({ ...model!, id: `r${i}`, name: `run ${i}` }));
    const { page, complaints, close } = await web.open('', WIDE);
    await page.getByText('450 runs', { exact: true }).waitFor();
    assert.equal(await page.locator('table.runs tbody tr').count(), 200);
    await page.getByText('The first 50 of 450 runs').waitFor();
    await page.getByRole('button', { name: 'Show 200 more' }).click();
    assert.equal(await page.locator('table.runs tbody tr').count(), 400);
    assert.deepEqual(complaints, []);
    await close();
  });
});
