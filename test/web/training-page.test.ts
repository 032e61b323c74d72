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

/** As in Safari before 26. */
const NO_STREAMS = 'delete FileSystemFileHandle.prototype.createWritable;';

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
    return openIn(browser, await built.serve(...options));
  }

  /** @param missing a script that takes away from the worker what some browsers do not have */
  async function openIn(where: Browser, address: string, missing = ''): Promise<Page> {
    const page = await where.newPage({ locale: 'en-US', serviceWorkers: 'block' });
    page.on('pageerror', (error) => assert.fail(error));
    if (missing)
      await page.route('**/trainer.js', async (route) => {
        const response = await route.fetch();
        const body = `if (typeof document === 'undefined') { ${missing} }\n${await response.text()}`;
        await route.fulfill({ response, body });
      });
    await page.goto(address);
    await page.locator('#devices', { hasText: /./ }).waitFor();
    return page;
  }

  /** Puts a file into the page. */
  async function put(page: Page, name: string, bytes: Uint8Array): Promise<void> {
    await writeFile(path.join(folder, name), bytes);
    await page.setInputFiles('#bins', path.join(folder, name));
  }

  /** Why the GPU cannot be tested; undefined if it can. */
  async function withoutGpu(page: Page): Promise<string | undefined> {
    if (!(await page.textContent('#devices'))!.includes('GPU: not found')) return undefined;
    assert.notEqual(process.env.PAPERWEIGHT_WEBGPU, 'required', 'this Chromium has no WebGPU adapter');
    return 'this Chromium has no WebGPU adapter';
  }

  async function begin(page: Page, choices: Readonly<Record<string, string>>): Promise<void> {
    for (const [id, value] of Object.entries(choices))
      await (['device', 'network', 'data'].includes(id)
        ? page.selectOption(`#${id}`, value)
        : page.fill(`#${id}`, value));
    await page.click('#start');
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
      await status(page, /^Paused after step \d+ of [\d,]+\.$/);
      assert.equal(await page.locator('#guesses figure').count(), 12);
      assert.equal(await page.locator('#kernels canvas').count(), 32);
      const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
      const file = path.join(folder, 'four-layer.safetensors');
      await download.saveAs(file);
      const { tensors, metadata } = await decodeWeights(await readFile(file));
      assert.equal(metadata.network, 'four-layer');
      assert.deepEqual(tensors.get('features.0.weight')!.shape, [32, 3, 5, 5]);
      await page.click('#stop');
      await status(page, /^Stopped after step \d+ of/);
      await page.setInputFiles('#file', file);
      await status(page, /^[\w-]+\.safetensors is loaded: [\d.]+\u00a0% of the test images/);
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
    await status(page, /^Stopped after/);
    const trained = await save();

    await page.selectOption('#network', 'vit');
    await page.setInputFiles('#file', path.join(folder, 'package.json'));
    await status(page, /not a valid safetensors file/);
    assert.deepEqual(await save(), trained);
    const header = '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    const other = Buffer.concat([Buffer.alloc(8), Buffer.from(header), Buffer.alloc(4)]);
    other.writeBigUInt64LE(BigInt(header.length));
    await page.setInputFiles('#file', await files({ 'other.safetensors': other }));
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
    await train({ batch: '1', rate: '1e30', epochs: '2' }, /^Step \d+ gave NaN or infinity/);
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
    const missing = await withoutGpu(page);
    if (missing) {
      await page.close();
      return t.skip(missing);
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
    await status(page, /^Paused after step \d+ of [\d,]+\.$/);
    assert.equal(await page.locator('#guesses figure').count(), 12);
    assert.equal(await page.locator('#kernels canvas').count(), 48);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
    const file = path.join(folder, 'vit.safetensors');
    await download.saveAs(file);
    const { tensors } = await decodeWeights(await readFile(file));
    assert.deepEqual(tensors.get('embed.weight')!.shape, [48, 3, 4, 4]);
    await page.click('#stop');
    await status(page, /^Stopped after step \d+ of/);
    await page.selectOption('#device', 'wasm');
    await page.setInputFiles('#file', file);
    await status(page, /^[\w-]+\.safetensors is loaded: [\d.]+\u00a0% of the test images/);
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
      await status(page, /^Stopped after step \d+ of/);
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
      await page.locator('#stored', { hasText: new RegExp(`could not keep .*${name}: no room`) }).waitFor();
    }
    await page.reload();
    await page.selectOption('#data', 'cifar10');
    await page.locator('#stored', { hasText: /^In this browser: test_batch.bin$/ }).waitFor();
    await page.locator('#guesses figure').nth(9).waitFor();
    await page.close();
  });

  it('keeps CIFAR-10’s files and refuses others', async () => {
    const page = await openPage();
    await put(page, 'data_batch_1.bin', records(1).subarray(1));
    await status(page, /Expected records of 3073 bytes/);
    await put(
      page,
      'test_batch.bin',
      records(2, () => 12),
    );
    await status(page, /Expected labels from 0 to 9; got 12/);
    await put(page, 'other.bin', records(1));
    await status(page, /other.bin is not a file/);
    await put(page, 'test_batch.bin', records(10));
    await put(page, 'data_batch_1.bin', records(40));
    await page.locator('#stored', { hasText: 'data_batch_1.bin, test_batch.bin' }).waitFor();
    assert.equal(await page.inputValue('#data'), 'cifar10');
    await page.fill('#epochs', '1');
    await page.fill('#batch', '10');
    await page.click('#start');
    await status(page, /^Finished after 4 steps: [\d.]+\u00a0% of/);
    await page.close();
  });

  it('NaN ends a training, and the weights before it can be saved', async () => {
    const page = await openPage();
    await begin(page, { device: 'wasm', batch: '8', rate: '100' });
    await status(page, /^Step \d+ gave NaN or infinity.*smaller learning rate/);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
    const file = path.join(folder, 'before-nan.safetensors');
    await download.saveAs(file);
    const { tensors } = await decodeWeights(await readFile(file));
    for (const [name, { data }] of tensors)
      assert.ok((data as Float32Array).every(Number.isFinite), `${name} is finite`);
    await begin(page, { rate: '0.02' });
    await status(page, /^Step ([2-9]|\d\d+) of/);
    await page.close();
  });

  it('a file that is not weights loses nothing, and weights choose their network', async () => {
    const page = await openPage();
    await begin(page, { device: 'wasm', network: 'vit', batch: '4' });
    await status(page, /^Step ([2-9]|\d\d+) of/);
    assert.ok(await page.isDisabled('#network'));
    await page.click('#stop');
    await status(page, /^Stopped after/);
    await page.selectOption('#network', 'resnet-20');
    await page.setInputFiles('#file', path.join(folder, 'package.json'));
    await status(page, /package.json is not a valid safetensors file/);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
    // Its name is that of the network that was trained, not of the one that is chosen now.
    assert.equal(download.suggestedFilename(), 'vit.safetensors');
    const file = path.join(folder, 'vit-two.safetensors');
    await download.saveAs(file);
    await page.setInputFiles('#file', file);
    await status(page, /^vit-two\.safetensors is loaded/);
    assert.equal(await page.inputValue('#network'), 'vit');
    assert.equal(await page.inputValue('#rate'), '0.001');
    await page.close();
  });

  it('a GPU that is lost ends a training, which continues on the processor', async (t) => {
    const own = await launch({ webgpu: true });
    t.after(() => own.close());
    const page = await openIn(own, await built.serve());
    const missing = await withoutGpu(page);
    if (missing) return t.skip(missing);
    await begin(page, { device: 'webgpu', data: 'shapes10', epochs: '1', batch: '8' });
    // It keeps the weights whenever it shows the accuracy.
    await page.locator('#percent', { hasText: /%/ }).waitFor({ timeout: 240_000 });
    await status(page, /^Step ([3-9]\d|\d{3}) of/);
    const session = await own.newBrowserCDPSession();
    await session.send('Browser.crashGpuProcess').catch(() => {});
    await status(page, /^The GPU was lost at step \d+.* weights of step \d+ are kept/);
    await begin(page, { device: 'wasm' });
    await status(page, /^Step ([2-9]|\d\d+) of/);
    return undefined;
  });

  it('trains in the page where workers have no GPU', async (t) => {
    const page = await openIn(
      browser,
      await built.serve(),
      `Object.defineProperty(WorkerNavigator.prototype, 'gpu', { get: () => undefined });`,
    );
    const missing = await withoutGpu(page);
    if (missing) {
      await page.close();
      return t.skip(missing);
    }
    assert.match((await page.textContent('#devices'))!, /in the page itself/);
    await page.locator('#guesses figure').nth(11).waitFor();
    await begin(page, { device: 'webgpu', batch: '2' });
    await status(page, /^Step ([2-9]|\d\d+) of/);
    await page.click('#pause');
    await status(page, /^Paused/);
    await page.close();
    return undefined;
  });

  for (const [what, missing, held] of [
    ['no storage', 'StorageManager.prototype.getDirectory = () => Promise.reject(new Error("no"));', true],
    [
      'no room',
      'FileSystemWritableFileStream.prototype.write = () => Promise.reject(new Error("full"));',
      true,
    ],
    ['handles for workers alone', NO_STREAMS, false],
    ['these and no room', `${NO_STREAMS} FileSystemSyncAccessHandle.prototype.write = () => 7;`, true],
  ] as const)
    it(`CIFAR-10’s files in a browser with ${what}`, async () => {
      const page = await openIn(browser, await built.serve(), missing);
      await page.selectOption('#data', 'cifar10');
      await put(page, 'test_batch.bin', records(10));
      await put(page, 'data_batch_1.bin', records(40));
      const stored = page.locator('#stored', {
        hasText: 'In this browser: data_batch_1.bin, test_batch.bin',
      });
      await stored.waitFor();
      assert.equal(
        (await stored.textContent())!.includes('could not keep data_batch_1.bin, test_batch.bin'),
        held,
      );
      await page.locator('#guesses figure').nth(9).waitFor();
      await begin(page, { device: 'wasm', epochs: '1', batch: '10' });
      await status(page, /^Finished after 4 steps/);
      await page.close();
    });

  it('works offline once loaded', async (t) => {
    const context = await browser.newContext({ locale: 'en-US' });
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(await built.serve());
    await page.evaluate('navigator.serviceWorker.ready.then(() => true)');
    await context.setOffline(true);
    await page.reload();
    await page.locator('#devices', { hasText: /Processor/ }).waitFor();
    await begin(page, { device: 'wasm', batch: '8' });
    await status(page, /^Step ([2-9]|\d\d+) of/);
  });

  it('works without WebGPU', async (t) => {
    const own = await launch();
    t.after(() => own.close());
    const page = await openIn(own, await built.serve());
    assert.match(
      (await page.textContent('#devices'))!,
      /GPU: not found, or this browser does not support WebGPU/,
    );
    assert.equal(await page.inputValue('#device'), 'wasm');
    assert.ok(await page.locator('#device option[value=webgpu]').isDisabled());
  });
});
