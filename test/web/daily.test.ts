import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { axe, NO_BROWSER, overflow } from './browser.js';
import { pages } from './pages.js';

const WIDE = { viewport: { width: 1440, height: 900 } };

describe('daily questions', { skip: NO_BROWSER }, () => {
  const web = pages({ each: true });

  test('the settings of a run: its command, and what differs from the preset', async () => {
    const { page, complaints, close } = await web.open('#/run/quick-7', WIDE);
    const settings = page.getByRole('region', { name: 'Settings' }).first();
    await settings.getByText("paperweight train --preset quick --lr 0.02 --run 'runs/a b'").waitFor();
    await settings.getByText('1 setting differs from the preset quick.').waitFor();
    const row = settings.locator('tr.differs');
    assert.deepEqual(await row.locator('th code, td').allTextContents(), ['lr', '0.02', '0.01']);
    await settings.getByLabel('Show all').check();
    await settings.getByText('model.imageSize', { exact: true }).waitFor();
    await settings.getByText('ab'.repeat(32)).waitFor();
    assert.deepEqual(complaints, []);
    await close();
  });

  test('loss and accuracy are side by side, above the fold', async () => {
    const { page, close } = await web.open('#/run/quick-7', WIDE);
    const boxes = [];
    for (const name of ['Training loss', 'Accuracy']) {
      const plot = page.getByRole('group', { name });
      await plot.locator('canvas').waitFor();
      boxes.push((await plot.boundingBox())!);
    }
    const [loss, accuracy] = boxes as [(typeof boxes)[0], (typeof boxes)[0]];
    assert.ok(Math.abs(loss.y - accuracy.y) < 40 && accuracy.x > loss.x + loss.width - 1);
    for (const box of boxes) assert.ok(box.y + box.height <= 900, `${box.y + box.height}`);
    await close();
  });

  test('a run is printed with its charts, without what only a screen needs', async () => {
    const { page, close } = await web.open('#/run/quick-7', WIDE);
    const plot = page.getByRole('group', { name: 'Training loss' });
    await plot.locator('canvas').waitFor();
    const screenOnly = ['.top', '.crumb', '.chart-controls', '.chart-tools', '.numbers'];
    for (const selector of screenOnly) assert.ok(await page.locator(selector).first().isVisible(), selector);
    await page.emulateMedia({ media: 'print' });
    for (const selector of screenOnly) assert.ok(await page.locator(selector).first().isHidden(), selector);
    assert.ok(await plot.isVisible());
    await close();
  });

  test('charts over epochs and times, and the whole state in the address', async () => {
    const { page, complaints, close } = await web.open('#/run/quick-7', WIDE);
    const plot = page.getByRole('group', { name: 'Training loss' });
    await plot.locator('canvas').waitFor();
    const axis = page.getByLabel('X axis');
    const readout = page.locator('.chart-readout').first();
    const hover = async () => {
      const box = (await plot.locator('.u-over').boundingBox())!;
      await page.mouse.move(box.x + 10, box.y + 20);
      await page.mouse.move(box.x + box.width / 2, box.y + 60);
      return (await readout.locator('span').first().textContent()) ?? '';
    };
    assert.match(await hover(), /^Step 1,0\d\d$|^Step 99\d$/);
    await axis.selectOption('epoch');
    await page.waitForURL(/x=epoch/);
    assert.match(await hover(), /^Epoch (2|1\.9|2\.0)\d*$/);
    await axis.selectOption('wall');
    await page.waitForURL(/x=wall/);
    assert.match(await hover(), /^Nov 22, 2026, \d+:\d\d:\d\d/);
    await axis.selectOption('time');
    await page.getByLabel('Log scale').check();
    await page.getByLabel('Clip outliers').uncheck();
    await page.getByRole('slider').first().fill('75');
    await plot.focus();
    await page.keyboard.press('+');
    await page.waitForURL(/(?=.*x=time)(?=.*from=)(?=.*log=1)(?=.*clip=0)(?=.*smooth=75)/);
    const asked = web.fixture.requests.filter((line) => /series\?keys=loss.*from=/.test(line)).at(-1);
    assert.ok(asked, 'a range of times is asked for as steps');
    const from = Number(new URL(asked.split(' ')[1]!, web.fixture.url).searchParams.get('from'));
    assert.ok(from > 50 && from < 700, `${from}`);
    await page.reload();
    await plot.locator('canvas').waitFor();
    assert.equal(await axis.inputValue(), 'time');
    assert.ok(await page.getByLabel('Log scale').isChecked());
    assert.ok(await page.getByRole('button', { name: 'Whole run' }).first().isEnabled());
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('an address with wrong values shows the usual charts', async () => {
    const { page, complaints, close } = await web.open(
      '#/run/quick-7?x=moon&from=9&to=1&smooth=1e9&log=maybe',
    );
    await page.getByRole('group', { name: 'Training loss' }).locator('canvas').waitFor();
    assert.equal(await page.getByLabel('X axis').inputValue(), 'step');
    assert.ok(await page.getByRole('button', { name: 'Whole run' }).first().isDisabled());
    assert.deepEqual(complaints, []);
    await close();
  });

  test('any metric can be compared, over time, and groups have means with bands', async () => {
    const { page, complaints, close } = await web.open('#/compare?ids=quick-7,live,paused', WIDE);
    await page.getByRole('group', { name: 'Training loss' }).locator('canvas').waitFor();
    await page.getByText('Metrics (2)').click();
    await page.getByLabel('Samples per second').check();
    await page.getByLabel('dead/features.2').check();
    await page.getByText('Metrics (4)').click();
    await page.getByRole('group', { name: 'dead/features.2' }).locator('canvas').waitFor();
    await page.waitForURL(/metrics=loss,epoch%252FtestAccuracy,imagesPerSecond,dead%252Ffeatures.2/);
    await page.getByLabel('X axis').selectOption('time');
    await page.waitForURL(/x=time/);
    const timed = () =>
      web.fixture.requests.some((line) => /curves\?.*name=dead%2Ffeatures.2.*clock=yes/.test(line));
    for (let i = 0; i < 200 && !timed(); i++) await page.waitForTimeout(50);
    assert.ok(timed());
    await page.getByLabel('Group by').selectOption('lr');
    const legend = page.locator('.legend').first();
    await legend.getByText('0.02 (1 run)').waitFor();
    await legend.getByText('0.01 (2 runs)').waitFor();
    const over = page.getByRole('group', { name: 'Training loss' }).locator('.u-over');
    const box = (await over.boundingBox())!;
    await page.mouse.move(box.x + 40, box.y + 40);
    assert.equal(await page.locator('.chart-readout').first().locator('.readout-value').count(), 2);
    assert.deepEqual(await axe(page), []);
    await page.setViewportSize({ width: 375, height: 800 });
    assert.ok((await overflow(page)) <= 0);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('images of the compared runs are beside each other, at one step', async () => {
    const { page, complaints, close } = await web.open('#/compare?ids=quick-7,live,old', WIDE);
    const images = page.getByRole('region', { name: 'Images' });
    await images.locator('canvas.kernels').nth(1).waitFor();
    assert.equal(await images.locator('article').count(), 2, 'not of a run without images');
    const asked = () => web.fixture.requests.filter((line) => /kernels\/\d+$/.test(line)).length;
    const before = asked();
    await images.getByRole('slider').fill('0');
    for (let i = 0; i < 200 && asked() < before + 2; i++) await page.waitForTimeout(50);
    assert.equal(asked(), before + 2);
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('a click on a line opens its run', async () => {
    const { page, close } = await web.open('#/compare?ids=quick-7,live', WIDE);
    const over = page.getByRole('group', { name: 'Training loss' }).locator('.u-over');
    await over.waitFor();
    const box = (await over.boundingBox())!;
    // Only one of the runs has come this far.
    const x = box.x + 0.9 * box.width;
    for (let y = box.y + box.height - 4; y > box.y && /compare/.test(page.url()); y -= 25) {
      await page.mouse.click(x, y);
      await page.waitForTimeout(50);
    }
    assert.match(page.url(), /#\/run\/quick-7$/);
    await close();
  });
});

describe('the page of a run', { skip: NO_BROWSER }, () => {
  const web = pages();

  test('shows the kernels beside the curves, where there are any', async () => {
    const { page, complaints, close } = await web.open('#/run/quick-7', WIDE);
    await page.locator('canvas.kernels').waitFor();
    await page.locator('.player').getByRole('slider').fill('0');
    await page.waitForURL(/step=/);
    await page.goto(`${web.fixture.url}/#/run/old`);
    await page.getByText('No statistics of the layers').waitFor();
    assert.equal(await page.getByText('First-layer kernels').count(), 0);
    assert.deepEqual(complaints, []);
    await close();
  });
});

describe('the page of a paper', { skip: NO_BROWSER }, () => {
  const web = pages();

  test('has its contents beside it, which stay and lead to its parts', async () => {
    const { page, complaints, close } = await web.open('#/paper', WIDE);
    const contents = page.getByRole('navigation', { name: 'Contents' });
    await contents.getByRole('button', { name: 'ReLU' }).click();
    assert.equal(await page.evaluate('document.activeElement.id'), 'notes-relu');
    assert.ok((await contents.boundingBox())!.y >= 0);
    assert.match(page.url(), /#\/paper$/);
    await page.setViewportSize({ width: 375, height: 800 });
    assert.ok(await contents.isHidden());
    assert.ok((await overflow(page)) <= 0);
    assert.deepEqual(complaints, []);
    await close();
  });
});

describe('notifications', { skip: NO_BROWSER }, () => {
  const web = pages({ each: true });

  test('browser notifications appear on every page once they are allowed', async () => {
    const { page, complaints, close } = await web.open('#/paper', WIDE);
    await page.evaluate(`globalThis.told = []; globalThis.Notification = class {
      static permission = 'granted';
      static requestPermission = async () => 'granted';
      constructor(title, { body }) { globalThis.told.push([title, body]); }
    }`);
    await page.getByRole('button', { name: 'Notify when a run ends' }).click();
    await page.getByText('You will be notified').waitFor();
    const alert = {
      event: 'alert',
      kind: 'failed',
      id: 'live',
      name: '<b>live</b>',
      step: 7,
      error: 'NaN',
    } as const;
    for (let i = 0; i < 200 && web.fixture.emitRuns(alert) === 0; i++) await page.waitForTimeout(50);
    await page.getByText('<b>live</b> failed at step 7').waitFor();
    assert.deepEqual(await page.evaluate('globalThis.told[0]'), ['<b>live</b> failed at step 7', 'NaN']);
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.waitForURL(/#\/run\/live/);
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(complaints, []);
    await close();
  });

  test('the page says where browser notifications are not allowed', async () => {
    const { page, close } = await web.open('', WIDE);
    await page.evaluate('delete globalThis.Notification');
    await page.getByRole('button', { name: 'Notify when a run ends' }).click();
    await page.getByText('The browser does not allow notifications here').waitFor();
    await close();
  });
});
