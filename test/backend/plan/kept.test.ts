import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Engine } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { KeptCopies } from '../../../src/backend/plan/kept.js';
import { WasmEngine } from '../../../src/backend/wasm/engine.js';
import { nn, noGrad, ones } from '../../../src/core.js';

describe('copies of weights that plans keep', () => {
  it('are freed beyond the limit, those of the plan that ran longest ago first', () => {
    const kept = new KeptCopies(10);
    const freed: string[] = [];
    const plan = (name: string) => ({ release: () => void freed.push(name) });
    const [a, b, c] = [plan('a'), plan('b'), plan('c')];
    kept.use(a, 4);
    kept.use(b, 4);
    kept.use(a, 4);
    assert.deepEqual(freed, []);
    kept.use(c, 6);
    assert.deepEqual(freed, ['b']);
    kept.forget(c);
    kept.use(b, 4);
    assert.deepEqual(freed, ['b']);
    // More than the limit: the plan has to run all the same.
    kept.use(c, 20);
    assert.deepEqual(freed, ['b', 'a', 'b']);
  });

  const bytes = 256 * 256 * 4;
  const engines: Record<string, (keptBytes: number) => Engine> = {
    onednn: (keptBytes) => new OneDnnEngine({ threads: 2, keptBytes }),
    wasm: (keptBytes) => new WasmEngine({ keptBytes }),
  };
  for (const [name, open] of Object.entries(engines))
    it(`stay within the limit over inputs of many lengths on ${name}, with the same results`, async () => {
      const device = new InlineDevice(open(3 * bytes));
      const model = await new nn.Linear(256, 256).to(device);
      const run = (rows: number) => noGrad(() => model.forward(ones([rows, 256]))).data();
      const lengths = [32, 40, 48, 56, 64, 72];
      const first = new Map<number, ArrayLike<number>>();
      for (const rows of lengths) first.set(rows, await run(rows));
      const packed = async (): Promise<number[]> =>
        (await device.stats()).map(({ packedBytes }) => packedBytes);
      const of = await packed();
      assert.equal(of.length, lengths.length);
      assert.ok(of.at(-1)! >= bytes, `a plan packs its weights: ${of.join()}`);
      const total = (all: readonly number[]): number => all.reduce((sum, one) => sum + one, 0);
      assert.ok(total(of) <= 3 * bytes, of.join());
      for (const rows of lengths) assert.deepEqual(await run(rows), first.get(rows));
      assert.ok(total(await packed()) <= 3 * bytes);
      await device.close();
    });
});
