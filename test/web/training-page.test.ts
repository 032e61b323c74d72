import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { decodeWeights } from '../../src/core.js';
import { axe, launch, NO_BROWSER, overflow } from './browser.js';
import { TrainingPage } from './training-page.js';

/** A file of CIFAR-10's binary version with random pixels. */
const records = (count: number, label = (i: number): number => i % 10): Uint8Array =>
  Uint8Array.from({ length: 3073 * count }, (_, i) => (i % 3073 === 0 ? label(i / 3073) : (i * 7919) % 256));

describe('the page of examples/browser', { skip: NO_BROWSER }, () => {
  let built: TrainingPage;
  let folder: string;
  let browser: Browser;

  before(async () => {
    built = await TrainingPage.build();
    folder = built.folder;
    browser = await launch({ webgpu: true });
  });
  after(async () => {
    await browser?.close();
    await built?.close();
  });

  async function openPage(...options: string[]): Promise<Page> {
    const address = await built.serve(...options);
    const page = await browser.newPage({ locale: 'en-US' });
    page.on('pageerror', (error) => assert.fail(error));
    await page.goto(address);
    await page.locator('#devices', { hasText: /./ }).waitFor();
    return page;
  }

  /** Writes files. @returns their paths */
  const files = async (contents: Readonly<Record<string, Uint8Array>>): Promise<string[]> =>
    Promise.all(
      Object.entries(contents).map(async ([name, bytes]) => {
        await writeFile(path.join(folder, name), bytes);
        return path.join(folder, name);
      }),
    );

  const status = (page: Page, pattern: RegExp): Promise<void> =>
    page.locator('#status', { hasText: pattern }).waitFor({ timeout: 240_000 });

  for (const [kind, options, threads] of [
    ['isolated', [], /^Processor: (?:[2-9]|\d\d+) threads · |^Processor: 1 thread · /],
    [
      'not isolated',
      ['--plain'],
      /^Processor: 1 thread, one thread: the page is not cross-origin isolated · /,
    ],
  ] as const)
    it(`trains, pauses, saves and continues from saved weights (${kind})`, async () => {
      const page = await openPage(...options);
      assert.match((await page.textContent('#devices'))!, threads);
      await page.selectOption('#device', 'wasm');
      await page.fill('#epochs', '1');
      await page.fill('#batch', '8');
      await page.click('#start');
      await status(page, /^Step ([3-9]|\d\d+) of 500 /);
      assert.ok(await page.isDisabled('#start'));
      await page.click('#pause');
      await status(page, /^paused$/);
      assert.equal(await page.locator('#guesses figure').count(), 12);
      assert.equal(await page.locator('#kernels canvas').count(), 32);
      const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
      const file = path.join(folder, 'four-layer.safetensors');
      await download.saveAs(file);
      const { tensors, metadata } = await decodeWeights(await readFile(file));
      assert.equal(metadata.network, 'four-layer');
      assert.deepEqual(tensors.get('features.0.weight')!.shape, [32, 3, 5, 5]);
      await page.click('#stop');
      await status(page, /^stopped$/);
      await page.setInputFiles('#file', file);
      await status(page, /^weights loaded$/);
      await page.setInputFiles('#file', path.join(folder, 'package.json'));
      await status(page, /package.json is not a valid safetensors file/);
      await page.close();
    });

  it('keeps the weights after a file that does not fit, a batch that is too large and a step that is not finite', async () => {
    const page = await openPage('--plain');
    await page.selectOption('#device', 'wasm');
    const save = async (): Promise<Buffer> => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
      assert.equal(download.suggestedFilename(), 'four-layer.safetensors');
      return readFile(await download.path());
    };
    const train = async (values: Readonly<Record<string, string>>, until: RegExp): Promise<void> => {
      for (const [id, value] of Object.entries(values)) await page.fill(`#${id}`, value);
      await page.click('#start');
      await status(page, until);
    };
    await train({ batch: '8', epochs: '1' }, /^Step [2-9]/);
    await page.click('#stop');
    await status(page, /^stopped$/);
    const trained = await save();

    await page.selectOption('#network', 'vit');
    await page.setInputFiles('#file', path.join(folder, 'package.json'));
    await status(page, /not a valid safetensors file/);
    assert.deepEqual(await save(), trained);
    const file = path.join(folder, 'trained.safetensors');
    await writeFile(file, trained);
    await page.setInputFiles('#file', file);
    await status(page, /embed|head|cls|blocks/);
    assert.deepEqual(await save(), trained);

    await page.selectOption('#network', 'four-layer');
    await page.selectOption('#data', 'cifar10');
    await page.setInputFiles(
      '#bins',
      await files({ 'data_batch_1.bin': records(7), 'test_batch.bin': records(2) }),
    );
    await page.locator('#stored', { hasText: 'data_batch_1.bin, test_batch.bin' }).waitFor();
    await train({ batch: '9999' }, /fewer images than one batch.*at most 7; got 512/);
    assert.equal(await page.inputValue('#batch'), '512');
    await train({ batch: '1', rate: '1e30', epochs: '2' }, /^The loss or a gradient is not finite/);
    for (const { data } of (await decodeWeights(await save())).tensors.values())
      assert.ok(data.every(Number.isFinite));
    await page.close();
  });

  it('says that its trainer does not start, and tries again', async () => {
    const address = await built.serve();
    const context = await browser.newContext({ locale: 'en-US', serviceWorkers: 'block' });
    const page = await context.newPage();
    await page.route('**/trainer.js', (route) => route.abort());
    await page.goto(address);
    await status(page, /^The trainer did not start/);
    await page.selectOption('#device', 'wasm');
    await page.click('#start');
    await status(page, /^The trainer did not start/);
    await page.locator('#start:enabled').waitFor({ timeout: 10_000 });
    await page.unroute('**/trainer.js');
    await page.fill('#batch', '8');
    await page.click('#start');
    await status(page, /^Step \d/);
    await context.close();
  });

  it('trains a transformer on the GPU, saves it, and continues on the processor', async (t) => {
    const page = await openPage('--plain');
    if ((await page.textContent('#devices'))!.includes('GPU: not found')) {
      await page.close();
      assert.notEqual(process.env.PAPERWEIGHT_WEBGPU, 'required', 'this Chromium has no WebGPU adapter');
      return t.skip('this Chromium has no WebGPU adapter');
    }
    // A software adapter is not chosen by itself.
    assert.equal(await page.inputValue('#device'), 'wasm');
    await page.selectOption('#device', 'webgpu');
    await page.selectOption('#network', 'vit');
    assert.equal(await page.inputValue('#rate'), '0.001');
    await page.fill('#epochs', '1');
    await page.fill('#batch', '2');
    await page.click('#start');
    await status(page, /^Step ([2-9]|\d\d+) of 2,?000 /);
    await page.click('#pause');
    await status(page, /^paused$/);
    assert.equal(await page.locator('#guesses figure').count(), 12);
    assert.equal(await page.locator('#kernels canvas').count(), 48);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
    const file = path.join(folder, 'vit.safetensors');
    await download.saveAs(file);
    const { tensors } = await decodeWeights(await readFile(file));
    assert.deepEqual(tensors.get('embed.weight')!.shape, [48, 3, 4, 4]);
    await page.click('#stop');
    await status(page, /^stopped$/);
    await page.selectOption('#device', 'wasm');
    await page.setInputFiles('#file', file);
    await status(page, /^weights loaded$/);
    await page.click('#start');
    await status(page, /^Step ([2-9]|\d\d+) of/);
    await page.close();
  });

  for (const [network, kernels] of [
    ['vit', 48],
    ['alexnet', 96],
  ] as const)
    it(`trains ${network} on the processor`, async () => {
      const page = await openPage();
      await page.selectOption('#device', 'wasm');
      await page.selectOption('#network', network);
      await page.fill('#batch', '4');
      await page.click('#start');
      await status(page, /^Step ([3-9]|\d\d+) of 3000 /);
      await page.click('#stop');
      await status(page, /^stopped$/);
      assert.equal(await page.locator('#kernels canvas').count(), kernels);
      await page.close();
    });

  it('is small: its script is at most 200 kB compressed, with the GPU’s engine 250 kB', async () => {
    const { processor, gpu } = await built.scripts();
    assert.ok(gpu > 0 && processor <= 200_000 && processor + gpu <= 250_000, `${processor} and ${gpu} bytes`);
  });

  it('shows images of the data set before a training, fits small windows, and can be read by everyone', async () => {
    const page = await openPage();
    await page.locator('#guesses figure').nth(11).waitFor();
    assert.equal(await page.textContent('#seen'), 'Images of this data set');
    assert.ok(await page.isHidden('#drop'));
    for (const width of [320, 375, 1440]) {
      await page.setViewportSize({ width, height: 800 });
      assert.ok((await overflow(page)) <= 0, `${width} pixels`);
    }
    assert.deepEqual(await axe(page), []);
    await page.selectOption('#data', 'cifar10');
    await page.locator('#drop').waitFor();
    await page.locator('#guesses figure').first().waitFor({ state: 'detached' });
    await page.close();
  });

  it('leaves no file where the browser’s storage is full, and keeps the one that was there', async () => {
    const page = await openPage();
    const { origin } = new URL(page.url());
    const session = await page.context().newCDPSession(page);
    const quota = (quotaSize: number) =>
      session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize });
    await page.selectOption('#data', 'cifar10');
    await page.setInputFiles('#bins', await files({ 'test_batch.bin': records(10) }));
    await page.locator('#stored', { hasText: 'test_batch.bin' }).waitFor();
    await quota(100_000);
    for (const name of ['data_batch_1.bin', 'test_batch.bin']) {
      await page.setInputFiles('#bins', await files({ [name]: records(1000) }));
      await status(page, new RegExp(`This browser did not store ${name}: .*Next: free some`));
    }
    await page.reload();
    await page.selectOption('#data', 'cifar10');
    await page.locator('#stored', { hasText: /^In this browser: test_batch.bin$/ }).waitFor();
    await page.locator('#guesses figure').nth(9).waitFor();
    await page.close();
  });

  it('keeps CIFAR-10’s files and refuses others', async () => {
    const page = await openPage();
    const put = async (name: string, bytes: Uint8Array): Promise<void> => {
      await writeFile(path.join(folder, name), bytes);
      await page.setInputFiles('#bins', path.join(folder, name));
    };
    await put('data_batch_1.bin', records(1).subarray(1));
    await status(page, /Expected records of 3073 bytes/);
    await put(
      'test_batch.bin',
      records(2, () => 12),
    );
    await status(page, /Expected labels from 0 to 9; got 12/);
    await put('other.bin', records(1));
    await status(page, /other.bin is not a file/);
    await put('test_batch.bin', records(10));
    await put('data_batch_1.bin', records(40));
    await page.locator('#stored', { hasText: 'data_batch_1.bin, test_batch.bin' }).waitFor();
    assert.equal(await page.inputValue('#data'), 'cifar10');
    await page.fill('#epochs', '1');
    await page.fill('#batch', '10');
    await page.click('#start');
    await status(page, /^finished$/);
    await page.close();
  });
});
