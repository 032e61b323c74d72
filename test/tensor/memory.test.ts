import assert from 'node:assert/strict';
import test from 'node:test';
import { DeviceError, ShapeError } from '../../src/errors/errors.js';
import { arange, device, eye, linspace, nn, ones, rand, randint, tensor, zeros } from '../../src/index.js';

const SIDE = 2 ** 21;
const HUGE = /\[2097152, 2097152\]/;

/** An error of the project that names what is too large: for the memory, or for any tensor. */
const tooLarge = (what: RegExp) => (error: unknown) => {
  assert.ok(error instanceof DeviceError || error instanceof ShapeError, String(error));
  assert.match(error.message, what);
  assert.match(error.message, HUGE);
  assert.match(error.message, /does not fit in memory|at most 2147483647/);
  return true;
};

test('a tensor or a layer that no memory can hold is refused by name', () => {
  assert.throws(() => zeros([SIDE, SIDE]), tooLarge(/shape of too many elements/));
  assert.throws(() => new nn.Linear(SIDE, SIDE), tooLarge(/A weight .* of Linear/));
  assert.throws(
    () => new nn.Conv2d(2 ** 21, 2 ** 21, 1),
    (error) =>
      error instanceof DeviceError && /A weight \[2097152, 2097152, 1, 1\] of Conv2d/.test(error.message),
  );
});

test('so are all other new tensors and layers', () => {
  const most = 2 ** 40;
  const made: Readonly<Record<string, () => unknown>> = {
    arange: () => arange(most),
    linspace: () => linspace(0, 1, most),
    eye: () => eye(SIDE),
    rand: () => rand([most]),
    randint: () => randint(0, 2, [SIDE, SIDE]),
    Embedding: () => new nn.Embedding(SIDE, SIDE),
    LSTM: () => new nn.LSTM(SIDE, SIDE),
    MultiheadAttention: () => new nn.MultiheadAttention(SIDE, 1),
    Conv1d: () => new nn.Conv1d(SIDE, SIDE, 1),
    ConvTranspose1d: () => new nn.ConvTranspose1d(SIDE, SIDE, 1),
    ConvTranspose2d: () => new nn.ConvTranspose2d(SIDE, SIDE, 1),
    LayerNorm: () => new nn.LayerNorm(most),
    GroupNorm: () => new nn.GroupNorm(1, most),
    InstanceNorm2d: () => new nn.InstanceNorm2d(most, { affine: true }),
    RMSNorm: () => new nn.RMSNorm(most),
    BatchNorm1d: () => new nn.BatchNorm1d(most),
    PReLU: () => new nn.PReLU(most),
  };
  for (const [name, make] of Object.entries(made))
    assert.throws(
      make,
      (error) =>
        (error instanceof DeviceError && error.message.includes(`of ${name} does not fit in memory`)) ||
        (error instanceof ShapeError && error.message.startsWith(`${name} got a shape of too many elements`)),
      name,
    );
});

test('a result that no memory can hold is refused by the plain device, which works on', async () => {
  const plain = device.reference();
  const column = await ones([SIDE, 1]).to(plain);
  const row = await ones([1, SIDE]).to(plain);
  assert.throws(() => column.matmul(row), tooLarge(/matmul.*a result of at most/));
  assert.throws(() => column.add(row), tooLarge(/add.*a result of at most/));
  assert.deepEqual([...(await tensor([1, 2]).mul(2).data())], [2, 4]);
});
