import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { InlineDevice } from '../../../src/backend/device.js';
import { OneDnnEngine } from '../../../src/backend/onednn/index.js';
import { ReferenceEngine } from '../../../src/backend/reference/engine.js';
import { WasmEngine } from '../../../src/backend/wasm/engine.js';
import { buildGraph } from '../../../src/graph/graph.js';
import type { Node } from '../../../src/graph/node.js';
import * as ops from '../../../src/ops/index.js';
import { Generator } from '../../../src/random.js';
import { tensor } from '../../../src/tensor/tensor.js';

const ENGINES = {
  onednn: () => new OneDnnEngine({ threads: 2 }),
  wasm: () => new WasmEngine({ threads: 1 }),
};

const counted = (shape: readonly number[]): Node => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    Float32Array.from({ length: size }, (_, i) => i + 1),
    { shape },
  ).node;
};

async function run(device: Device, outputs: readonly Node[]) {
  const { graph, key, feeds, storages } = buildGraph(outputs, []);
  const ids = storages.map((s) => s.id);
  const values = await device.run(key, graph, feeds, ids);
  const names = (await device.profile(key, graph, feeds, ids)).map(({ op }) => op);
  return { values: values.map((of) => [...of]), names };
}

/** Runs a graph on each engine, compares its values with the reference engine's, and returns the names of its steps. */
async function namesOf(build: () => readonly Node[]): Promise<Record<string, string[]>> {
  const reference = new InlineDevice(new ReferenceEngine());
  const { values } = await run(reference, build());
  await reference.close();
  const names: Record<string, string[]> = {};
  for (const [name, open] of Object.entries(ENGINES)) {
    const device = new InlineDevice(open());
    const found = await run(device, build());
    assert.deepEqual(found.values, values, name);
    names[name] = found.names.filter((op) => op !== 'reorder');
    await device.close();
  }
  return names;
}

/** Queries, keys and values of 2 sequences of 3 positions, 2 heads of 4 features: each head [2, 2, 3, 4]. */
const heads = (all: Node): Node[] =>
  ops.split(all, 8, 2).map((part) => ops.permute(ops.reshape(part, [2, 3, 2, 4]), [0, 2, 1, 3]));

describe('copies that read each other', () => {
  it('are one copy each, from the original value', async () => {
    const names = await namesOf(() => heads(ops.neg(counted([2, 3, 24]))));
    for (const found of Object.values(names))
      assert.deepEqual(
        found.filter((op) => op !== 'neg'),
        ['copyParts', 'copyParts', 'copyParts'],
      );
  });

  it('write the gradients of heads to their places in one value', async () => {
    const names = await namesOf(() => {
      const parts = [1, 2, 3].map((k) => ops.affine(counted([2, 2, 3, 4]), { scale: k, shift: 0 }));
      const joined = parts.map((part) => ops.reshape(ops.permute(part, [0, 2, 1, 3]), [2, 3, 8]));
      return [ops.concat(joined, 2)];
    });
    for (const found of Object.values(names))
      assert.deepEqual(new Set(found.filter((op) => !op.startsWith('affine'))), new Set(['copyParts']));
  });

  it('stay apart where a value in between is read by something else', async () => {
    const part = (x: Node): Node => ops.narrow(x, 1, 1, 2);
    for (const [what, build] of Object.entries({
      'an output': (x: Node) => [part(x), ops.transpose(part(x), 0, 1)],
      'another operation': (x: Node) => [ops.add(part(x), part(x)), ops.transpose(part(x), 0, 1)],
    })) {
      const names = await namesOf(() => build(ops.neg(counted([3, 4]))));
      for (const found of Object.values(names)) assert.ok(!found.includes('copyParts'), `${what}: ${found}`);
    }
  });

  it('stay apart where dimensions were joined that a slice divides', async () => {
    // Positions 1 to 4 of the joined dimension are no rectangle of the two that it was made of.
    const names = await namesOf(() => {
      const turned = ops.permute(counted([2, 3, 2]), [1, 0, 2]);
      return [ops.narrow(ops.reshape(turned, [6, 2]), 0, 1, 4)];
    });
    for (const found of Object.values(names)) assert.deepEqual(found, ['permute', 'slice']);
  });

  it('give the same values in random combinations', async () => {
    const random = new Generator(7);
    const below = (n: number): number => Math.floor(random.uniform() * n);
    /** Some steps from a value to another, by numbers that are drawn once. */
    const walk = (x: Node, steps: readonly number[][]): Node => {
      let y = x;
      for (const [kind, a, c] of steps as [number, number, number][]) {
        const rank = y.shape.length;
        if (kind === 0) {
          const order = y.shape
            .map((_, i) => i)
            .sort((i, j) => ((i * 7 + a) % 5) - ((j * 7 + a) % 5) || i - j);
          y = ops.permute(y, order);
        } else if (kind === 1) {
          const axis = a % rank;
          const size = y.shape[axis]!;
          const length = 1 + (c % size);
          y = ops.narrow(y, axis, (a * 3) % (size - length + 1), length);
        } else if (kind === 2) {
          const axis = a % rank;
          const size = y.shape[axis]!;
          const factor = [2, 3, 4].find((d) => size % d === 0) ?? 1;
          if (rank < 5)
            y = ops.reshape(y, [
              ...y.shape.slice(0, axis),
              size / factor,
              factor,
              ...y.shape.slice(axis + 1),
            ]);
        } else if (rank > 1) {
          const axis = a % (rank - 1);
          const joined = y.shape[axis]! * y.shape[axis + 1]!;
          y = ops.reshape(y, [...y.shape.slice(0, axis), joined, ...y.shape.slice(axis + 2)]);
        }
      }
      return y;
    };
    let joined = 0;
    for (let n = 0; n < 60; n++) {
      const shape = Array.from({ length: 1 + below(4) }, () => [1, 2, 3, 4, 6][below(5)]!);
      const draw = () => Array.from({ length: 1 + below(6) }, () => [below(4), below(20), below(20)]);
      const [first, second, third] = [draw(), draw(), draw()];
      const both = below(2) === 1;
      const names = await namesOf(() => {
        const x = walk(ops.neg(counted(shape)), first);
        const [left, right] = [walk(x, second), walk(x, third)];
        const flat = (of: Node): Node => ops.reshape(of, [of.shape.reduce((a, b) => a * b, 1)]);
        return both ? [ops.concat([flat(left), flat(right)], 0)] : [left, right];
      });
      joined += names.onednn!.includes('copyParts') ? 1 : 0;
    }
    assert.ok(joined >= 10, `only ${joined} of 60 programs had copies to join`);
  });
});
