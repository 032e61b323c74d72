import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CheckpointError } from '../../../src/errors/errors.js';
import { withoutInit } from '../../../src/nn/init.js';
import { buildModel } from '../../../src/papers/paper.js';
import { recogniseModel } from '../../../src/papers/recognise.js';
import { openPaper } from '../../../src/papers/registry.js';

/** Shapes of a network's tensors by name. */
async function tensorsOf(id: string, preset: string): Promise<Map<string, { shape: readonly number[] }>> {
  const paper = await openPaper(id);
  const model = withoutInit(() =>
    buildModel(paper, {
      paper: id,
      preset,
      classes: ['a', 'b', 'c'],
      imageSize: paper.imageSize(preset),
      dropout: 0.5,
      init: paper.inits[0]!,
    }),
  );
  return new Map([...model.stateDict()].map(([name, { shape }]) => [name, { shape }]));
}

const recognise = (tensors: Map<string, { shape: readonly number[] }>, hints = {}) =>
  recogniseModel('w.pth', { tensors, metadata: {}, format: 'safetensors', notes: [] }, hints);

const OTHERS: Readonly<Record<string, Readonly<Record<string, number[]>>>> = {
  'one tensor': { 'extra.weight': [3] },
  'another head': { 'aux.0.weight': [3, 4], 'aux.0.bias': [3] },
  'two heads': { 'aux.weight': [3, 4], 'projection.weight': [8, 4], 'projection.bias': [8] },
  'one more module inside': { 'blocks.99.extra.weight': [5], 'blocks.99.extra.bias': [5] },
};

describe('weights of a network and other tensors', () => {
  for (const [id, preset] of [
    ['alexnet', 'four-layer'],
    ['alexnet', 'torchvision'],
    ['resnet', 'resnet-20'],
    ['vit', 'small'],
  ] as const)
    for (const [title, others] of Object.entries(OTHERS))
      test(`${preset}, ${title}`, async () => {
        const tensors = await tensorsOf(id, preset);
        assert.equal((await recognise(tensors)).config.preset, preset);
        for (const [name, shape] of Object.entries(others)) tensors.set(name, { shape });
        const { name } = await openPaper(id);
        await assert.rejects(recognise(tensors), (error) => {
          assert.ok(error instanceof CheckpointError);
          assert.match(error.message, new RegExp(`the weights of ${name}, preset ${preset}, and tensors`));
          for (const each of Object.keys(others))
            assert.ok(error.message.includes(`"${each}"`), error.message);
          return true;
        });
      });

  test('another network whose last layer has the name of a paper’s is unknown', async () => {
    const tensors = new Map([
      ['features.0.0.weight', { shape: [96, 3, 4, 4] }],
      ['features.1.attn.qkv.weight', { shape: [288, 96] }],
      ['head.weight', { shape: [10, 768] }],
      ['head.bias', { shape: [10] }],
    ]);
    await assert.rejects(recognise(tensors), /network of w\.pth is unknown/);
    // The caller may know better.
    assert.equal((await recognise(tensors, { paper: 'vit' })).config.paper, 'vit');
  });
});
