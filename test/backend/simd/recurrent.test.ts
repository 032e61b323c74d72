import { after, before, describe, it } from 'node:test';
import type { Device } from '../../../src/backend/backend.js';
import { openDevice } from '../../../src/backend/open.js';
import { referenceDevice } from '../../../src/backend/reference/index.js';
import { makeArray, sizeOf } from '../../../src/graph/types.js';
import { recurrence } from '../../../src/nn/sequence/recurrence.js';
import * as ops from '../../../src/ops/index.js';
import { setDefaultDevice } from '../../../src/tensor/realize.js';
import { evaluate, Tensor, tensor } from '../../../src/tensor/tensor.js';
import { assertClose } from '../../support/close.js';

/** Results and gradients of a layer: more examples than a thread takes at a time, and units beyond whole vectors. */
async function everything(device: Device, cell: ops.Cell, reverse: boolean): Promise<ArrayLike<number>[]> {
  setDefaultDevice(device);
  const [length, n, size] = [3, 70, 65];
  const rows = ops.CELLS[cell].gates * size;
  const states = cell === 'lstm' ? 2 : 1;
  const shapes = [
    [length, n, rows],
    [rows, size],
    ...Array.from({ length: states }, () => [n, size]),
    ...(cell === 'gru' ? [[rows]] : []),
  ];
  const inputs = shapes.map((shape, k) =>
    tensor(
      makeArray('float32', sizeOf(shape)).map((_: number, i: number) => 0.3 * Math.sin(7.3 * i * i + k)),
      { shape, requiresGrad: true },
    ),
  );
  const nodes = inputs.map(({ node }) => node);
  const { y, end } = recurrence({
    cell,
    reverse,
    x: nodes[0]!,
    w: nodes[1]!,
    begin: nodes.slice(2, 2 + states),
    bias: cell === 'gru' ? nodes.at(-1) : undefined,
  });
  const results = [new Tensor(y), new Tensor(end.at(-1)!)];
  results
    .map((result) => result.square().sum())
    .reduce((a, b) => a.add(b))
    .backward();
  return evaluate(...results, ...inputs.map(({ grad }) => grad!));
}

describe('recurrent layers give the reference engine’s numbers', () => {
  const devices = new Map<string, Device>();
  before(async () => {
    for (const name of ['wasm', 'onednn'] as const)
      try {
        devices.set(name, (await openDevice(name, { threads: 2 })).device);
      } catch {
        // Without the library there is no such device.
      }
  });
  after(async () => {
    for (const device of devices.values()) await device.close();
  });
  for (const cell of Object.keys(ops.CELLS) as ops.Cell[])
    for (const reverse of [false, true])
      it(`${cell}${reverse ? ' from the end' : ''}`, async () => {
        const wanted = await everything(referenceDevice(), cell, reverse);
        for (const [name, device] of devices)
          for (const [k, values] of (await everything(device, cell, reverse)).entries())
            assertClose(values, wanted[k]!, { rtol: 1e-4, atol: 1e-4 }, `${name}, value ${k}`);
      });
});
