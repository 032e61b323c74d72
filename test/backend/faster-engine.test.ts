import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Device, EngineInfo } from '../../src/backend/backend.js';
import { InlineDevice } from '../../src/backend/device.js';
import { fasterThan } from '../../src/backend/faster-engine.js';
import { ReferenceEngine } from '../../src/backend/reference/engine.js';
import { DeviceError } from '../../src/errors/errors.js';
import { temporaryFolder } from '../data/support.js';

/** A device that computes nothing, says an instruction set, and counts. */
class Pretended extends InlineDevice {
  closed = 0;
  runs = 0;
  constructor(
    readonly isa: string,
    readonly milliseconds = 0,
    readonly broken = false,
    readonly version = '0',
  ) {
    super(new ReferenceEngine());
  }

  override async info(): Promise<EngineInfo> {
    const { version, isa } = this;
    return { engine: 'onednn', version, threads: 1, precision: 'float32', isa };
  }

  override async run(): ReturnType<Device['run']> {
    if (this.broken) throw new DeviceError({ what: 'No plan runs' });
    this.runs++;
    await new Promise((resolve) => setTimeout(resolve, this.milliseconds));
    return [];
  }

  override async close(): Promise<void> {
    this.closed++;
    await super.close();
  }
}

const refuse = async (): Promise<never> => assert.fail('not needed');
const about = 'wasm (simd128)';

/** Runs `body` with a value of PAPERWEIGHT_KERNELS. */
async function withKernels(value: string, body: () => Promise<void>): Promise<void> {
  const before = process.env.PAPERWEIGHT_KERNELS;
  process.env.PAPERWEIGHT_KERNELS = value;
  try {
    await body();
  } finally {
    if (before === undefined) delete process.env.PAPERWEIGHT_KERNELS;
    else process.env.PAPERWEIGHT_KERNELS = before;
  }
}

test('with AVX onednn is used, after one plan has run', async () => {
  const onednn = new Pretended('avx512_core');
  assert.equal(await fasterThan(onednn, 'float32', refuse), undefined);
  assert.ok(onednn.runs > 0 && onednn.closed === 0);
});

test('an onednn that cannot run a plan is closed, and its error reported', async () => {
  const onednn = new Pretended('avx2', 0, true);
  await assert.rejects(fasterThan(onednn, 'float32', refuse), /No plan runs/);
  assert.equal(onednn.closed, 1);
});

test('without a file, reference code decides', async () => {
  await withKernels('fixed', async () => {
    assert.equal(await fasterThan(new Pretended('neon'), 'float32', refuse), undefined);
    for (const isa of ['ref', 'sve_512, linear layers ref']) {
      const [onednn, wasm] = [new Pretended(isa), new Pretended('simd128')];
      const chosen = await fasterThan(onednn, 'float32', async () => ({ device: wasm, about }));
      assert.equal(chosen!.device, wasm);
      assert.match(chosen!.why, /wasm \(simd128\), which is faster here than onednn 0 \(.*ref, 1 thread/);
      assert.deepEqual([onednn.closed, wasm.closed, wasm.runs], [1, 0, 0]);
    }
    const onednn = new Pretended('ref');
    const none = async () => Promise.reject(new DeviceError({ what: 'no SIMD' }));
    assert.equal(await fasterThan(onednn, 'float32', none), undefined, 'better than nothing');
    assert.equal(onednn.closed, 0);
  });
});

test('reference code is not used where wasm works, whatever is measured or remembered', async (t) => {
  const file = join(await temporaryFolder(t), 'kernels.json');
  await withKernels(file, async () => {
    for (const isa of ['ref', 'sve_512, linear layers ref']) {
      const [onednn, wasm] = [new Pretended(isa), new Pretended('simd128', 400)];
      const chosen = await fasterThan(onednn, 'float32', async () => ({ device: wasm, about }));
      assert.equal(chosen!.device, wasm);
      assert.equal(wasm.runs, 0);
    }
  });
});

test('the faster of the two is measured once and remembered', async (t) => {
  const file = join(await temporaryFolder(t), 'kernels.json');
  await withKernels(file, async () => {
    for (const runs of [true, false]) {
      const [onednn, wasm] = [new Pretended('sse41', 400), new Pretended('simd128')];
      const chosen = await fasterThan(onednn, 'float32', async () => ({ device: wasm, about }));
      assert.equal(chosen!.device, wasm);
      assert.equal(wasm.runs > 0, runs);
    }
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"wasm"', '"onednn"'));
    assert.equal(await fasterThan(new Pretended('sse41', 0), 'float32', refuse), undefined);
    // Another machine, or another library, is measured for itself, and so is what the file cannot mean.
    for (const [content, isa, version] of [
      [text, 'neon', '0'],
      [text, 'sse41', '1'],
      [text.replace('"wasm"', '"cuda"'), 'sse41', '0'],
      ['{', 'sse41', '0'],
    ] as const) {
      await writeFile(file, content);
      const [onednn, wasm] = [new Pretended(isa, 400, false, version), new Pretended('simd128')];
      await fasterThan(onednn, 'float32', async () => ({ device: wasm, about }));
      assert.ok(wasm.runs > 0, `${content} ${isa} ${version}`);
    }
  });
});

test('a wasm device that cannot run a plan is closed, and tried again the next time', async (t) => {
  await withKernels(join(await temporaryFolder(t), 'kernels.json'), async () => {
    const [onednn, broken] = [new Pretended('sse41', 50), new Pretended('simd128', 0, true)];
    const none = await fasterThan(onednn, 'float32', async () => ({ device: broken, about }));
    assert.equal(none, undefined);
    assert.deepEqual([onednn.closed, broken.closed], [0, 1]);
    const wasm = new Pretended('simd128');
    const open = async () => ({ device: wasm, about });
    assert.equal((await fasterThan(new Pretended('sse41', 400), 'float32', open))!.device, wasm);
  });
});
