import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  buildNetwork,
  countFlop,
  describeNetwork,
  type NetworkChoice,
  usualNetwork,
} from '../../src/bench/network.js';
import { UsageError } from '../../src/errors/errors.js';
import { BatchNorm2d, Sequential } from '../../src/nn/index.js';

const notes = { paper: 'alexnet', preset: 'notes', norm: 'lrn' } as const;

test('operations are counted as direct convolutions, without the first backward-data', async () => {
  const { forward, train } = await countFlop(notes);
  // Multiply-adds of the layers: out · out side² · kernel² · in, by hand.
  const conv1 = 96 * 55 * 55 * 11 * 11 * 3;
  const convs = [
    conv1,
    256 * 27 * 27 * 25 * 96,
    384 * 169 * 9 * 256,
    384 * 169 * 9 * 384,
    256 * 169 * 9 * 384,
  ];
  const macs = [...convs, 9216 * 4096, 4096 * 4096, 4096 * 10].reduce((a, b) => a + b);
  assert.ok(Math.abs(forward - 2e-9 * macs) < 1e-9, String(forward));
  assert.ok(Math.abs(train - 2e-9 * (3 * macs - conv1)) < 1e-9, String(train));
});

test('a description has every layer in order, without normalisation if requested', async () => {
  const described = async (choice: NetworkChoice) => describeNetwork((await buildNetwork(choice)).model);
  const types = (await described(notes)).map((layer) => layer.type);
  assert.deepEqual(types.slice(0, 5), ['conv2d', 'localResponseNorm', 'relu', 'maxPool2d', 'conv2d']);
  assert.equal(types.indexOf('flatten'), types.indexOf('adaptiveAvgPool2d') + 1);
  const without = (await described({ ...notes, norm: 'none' })).map((layer) => layer.type);
  assert.deepEqual(
    without,
    types.filter((type) => type !== 'localResponseNorm'),
  );
  assert.deepEqual((await described(notes))[0], {
    type: 'conv2d',
    inChannels: 3,
    outChannels: 96,
    kernel: [11, 11],
    stride: [4, 4],
    padding: [2, 2],
    dilation: [1, 1],
    groups: 1,
  });
});

test('the network of any paper can be measured, at its own size', async () => {
  assert.deepEqual(await usualNetwork(), notes);
  const small = await buildNetwork({ paper: 'resnet', preset: 'resnet-20', norm: 'lrn' });
  assert.deepEqual(small.input, [3, 32, 32]);
  assert.ok((await countFlop({ paper: 'resnet', preset: 'resnet-20', norm: 'lrn' })).train > 0);
  await assert.rejects(buildNetwork({ paper: 'resnet', preset: 'notes', norm: 'lrn' }), UsageError);
});

test('a pooling says whether its last window may lie beyond the edge', async () => {
  const { model } = await buildNetwork({ paper: 'alexnet', preset: 'four-layer', norm: 'none' });
  const pooling = describeNetwork(model).find(({ type }) => type === 'maxPool2d');
  const sizes = { kernel: [3, 3], stride: [2, 2], padding: [0, 0] };
  assert.deepEqual(pooling, { type: 'maxPool2d', ...sizes, ceilMode: true });
});

test('a layer unknown to the peers is refused', () => {
  assert.throws(
    () => describeNetwork(new Sequential(new BatchNorm2d(3))),
    (e) => e instanceof UsageError && /BatchNorm2d/.test(e.message),
  );
});

test('a network that is trained in another way is refused', async () => {
  await assert.rejects(buildNetwork({ paper: 'vae', preset: 'latent2', norm: 'lrn' }), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /is not a classifier of images/);
    return true;
  });
});
