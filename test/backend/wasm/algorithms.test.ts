import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InlineDevice } from '../../../src/backend/device.js';
import type { ChoiceStore } from '../../../src/backend/wasm/algorithms.js';
import { WasmEngine } from '../../../src/backend/wasm/engine.js';
import { Conv2d } from '../../../src/nn/index.js';
import { manualSeed } from '../../../src/tensor/random.js';
import { tensor } from '../../../src/tensor/tensor.js';

class Store implements ChoiceStore {
  readonly values = new Map<string, string>();
  saved = 0;
  get(key: string): string | undefined {
    return this.values.get(key);
  }
  set(key: string, name: string): void {
    this.values.set(key, name);
  }
  save(): void {
    this.saved++;
  }
}

/** Computes a convolution of 16 planes with 16 kernels. @returns its result, and the device's choices */
async function run(
  engine: WasmEngine,
  { size, keep = {} }: { readonly size: number; readonly keep?: Record<string, string> },
) {
  const device = new InlineDevice(engine);
  await device.kernels(keep);
  manualSeed(1);
  const layer = await new Conv2d(16, 16, 3, { padding: 1, bias: false }).to(device);
  const values = Float32Array.from({ length: 16 * size * size }, (_, i) => Math.sin(i));
  const result = await layer.forward(tensor(values, { shape: [1, 16, size, size] })).data();
  const choices = await device.kernels();
  await device.close();
  return { result, choices };
}

/** 5.9e7 multiply-adds: enough to be timed. */
const LARGE = { size: 160 };
const KEY = 'wasm tiles forward 1x16x160x160 16x16x3x3 p1x1 g1';

describe('the choice between algorithms of convolutions', () => {
  it('is timed once for large ones, and stored', async () => {
    const store = new Store();
    const { choices } = await run(new WasmEngine({ store }), LARGE);
    assert.deepEqual([...store.values.keys()], [KEY]);
    assert.ok(store.saved > 0);
    assert.match(choices[KEY]!, /^(direct|winograd)$/);
  });

  it('is what was stored or given, in this order of preference: given, stored', async () => {
    const results = new Map<string, Awaited<ReturnType<typeof run>>['result']>();
    for (const name of ['direct', 'winograd']) {
      const store = new Store();
      store.set(KEY, name);
      const stored = await run(new WasmEngine({ store }), LARGE);
      assert.equal(stored.choices[KEY], name);
      const other = new Store();
      other.set(KEY, name === 'direct' ? 'winograd' : 'direct');
      const given = await run(new WasmEngine({ store: other }), { ...LARGE, keep: { [KEY]: name } });
      assert.deepEqual(given.result, stored.result);
      results.set(name, stored.result);
    }
    assert.notDeepEqual(results.get('direct'), results.get('winograd'));
  });

  it('is a rule for small ones and without a store, and a name that is not known is left out', async () => {
    const store = new Store();
    await run(new WasmEngine({ store }), { size: 8 });
    assert.deepEqual([...store.values.keys()], []);
    const { result } = await run(new WasmEngine(), LARGE);
    const again = await run(new WasmEngine(), { ...LARGE, keep: { [KEY]: 'of the future' } });
    assert.deepEqual(again.result, result);
  });
});
