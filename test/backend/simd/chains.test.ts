import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { ReferenceEngine } from '../../../src/backend/reference/engine.js';
import { startNodeThread } from '../../../src/backend/simd/threads/node.js';
import { WasmEngine } from '../../../src/backend/wasm/engine.js';
import { buildGraph } from '../../../src/graph/graph.js';
import { Generator } from '../../../src/random.js';
import { type Tensor, tensor } from '../../../src/tensor/tensor.js';
import { assertNear } from '../../support/generated.js';

const ENGINES: Readonly<Record<string, () => Device>> = {
  onednn: () => new InlineDevice(new OneDnnEngine({ threads: 2 })),
  wasm: () => new InlineDevice(new WasmEngine({ threads: 2, start: startNodeThread })),
};

const valuesOf = async (device: Device, outputs: readonly Tensor[]) => {
  const { graph, key, feeds } = buildGraph(
    outputs.map((one) => one.node),
    [],
  );
  return device.run(key, graph, feeds, []);
};
const stepsOf = async (device: Device, output: Tensor) => {
  const { graph, key, feeds } = buildGraph([output.node], []);
  return (await device.profile(key, graph, feeds, [])).map(({ op }) => op);
};
const made = (shape: number[], phase = 0): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i * 0.7 + phase)),
    { shape },
  );
const normalised = (x: Tensor): Tensor => {
  const centred = x.sub(x.mean([1], true));
  return centred.div(centred.square().mean([1], true).add(1e-3).sqrt());
};

/** Each row needs the means of all rows. */
function acrossRows(): Tensor[] {
  const x = made([300, 300]);
  return [x.mul(x.mean([1], true).reshape(1, 300)).tanh()];
}

/** Rows, columns and one step that reads them. Sums of rows, of columns and reshaped values meet in random order. */
function randomResults(random: () => number): Tensor[] {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
  const rows = pick([16, 40, 64, 300]);
  const columns = pick([16, 34, 64, 512, rows, rows]);
  const of = {
    whole: [made([rows, columns]), made([rows, columns], 1)],
    row: [made([rows, 1], 2)],
    column: [made([1, columns], 3)],
  };
  const STEPS: readonly (() => unknown)[] = [
    () => of.row.push(pick(of.whole).mean([1], true)),
    () => of.row.push(pick(of.whole).max([1], true)),
    () => of.column.push(pick(of.whole).mean([0], true)),
    () => of.row.push(pick(of.row).add(1)),
    // A value of each row becomes one of each column.
    () => rows === columns && of.column.push(pick(of.row).reshape(1, columns)),
    () => of.row.push(pick(of.row).mul(pick(of.row))),
    () => of.whole.push(pick(of.whole).sub(pick(of.row))),
    () => of.whole.push(pick(of.whole).mul(pick(of.column))),
    () => of.whole.push(pick(of.whole).add(pick(of.whole))),
    () => of.whole.push(pick(of.whole).tanh()),
    () => of.whole.push(pick(of.whole).square()),
    () =>
      of.whole.push(
        pick(of.whole)
          .reshape(rows / 2, 2 * columns)
          .sub(
            pick(of.whole)
              .reshape(rows / 2, 2 * columns)
              .mean([1], true),
          )
          .reshape(rows, columns),
      ),
    () =>
      of.whole.push(
        pick(of.whole)
          .reshape(2 * rows, columns / 2)
          .sub(
            pick(of.whole)
              .reshape(2 * rows, columns / 2)
              .max([1], true),
          )
          .reshape(rows, columns),
      ),
  ];
  for (let step = 0; step < 10; step++) pick(STEPS)();
  return [of.whole.at(-1)!.tanh(), pick(of.whole).tanh(), of.row.at(-1)!.tanh()];
}

for (const [name, open] of Object.entries(ENGINES))
  describe(`vector kernels over the same rows, ${name}`, () => {
    it('run as one step where each reads only rows that the ones before have written', async () => {
      const device = open();
      const x = made([64, 96]);
      const layerNorm = await stepsOf(device, normalised(x));
      assert.equal(layerNorm.length, 1, layerNorm.join(' | '));
      // A sum over the rows needs all of them.
      const byColumn = await stepsOf(
        device,
        x
          .exp()
          .sub(x.exp().mean([0], true))
          .tanh(),
      );
      assert.ok(byColumn.length > 1, byColumn.join(' | '));
      await device.close();
    });

    it('give the results of the reference engine', async () => {
      const seed = Number(process.env.PAPERWEIGHT_FUZZ_SEED ?? 20261129);
      const [device, reference] = [open(), new InlineDevice(new ReferenceEngine())];
      const generator = new Generator(seed);
      for (let n = 0; n < 120; n++) {
        const own = generator.fork(n);
        const results = n === 0 ? acrossRows() : randomResults(() => own.uniform());
        const [got, expected] = [await valuesOf(device, results), await valuesOf(reference, results)];
        got.forEach((values, k) => {
          assertNear(values, expected[k]!, 2e-4, `program ${n} of seed ${seed}, result ${k}`);
        });
      }
      await device.close();
      await reference.close();
    });
  });
