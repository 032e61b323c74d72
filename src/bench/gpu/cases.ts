import type { CompareOptions } from '../compare-options.js';

type Peer = NonNullable<CompareOptions['peer']>;

/** A network that is measured on the GPU. */
export interface Case extends Pick<CompareOptions, 'what' | 'network' | 'batch'> {
  readonly name: string;
  /** Peers with the modes in which they are measured. */
  readonly peers: readonly (readonly [peer: Peer, mode: string])[];
}

const WEBGPU = [
  ['tfjs-webgpu', 'webgpu'],
  ['jax-js-webgpu', 'webgpu'],
] as const;
const CUDA = (['cuda', 'cuda-tf32', 'cuda-bf16'] as const).map((mode) => ['pytorch', mode] as const);

const alexnet = (preset: string) => ({ paper: 'alexnet', preset, norm: 'none' }) as const;
const fourLayers = (batch: number): Case => ({
  name: `four-layer net, training, batch ${batch}`,
  what: 'train',
  network: alexnet('four-layer'),
  batch,
  peers: [...WEBGPU, ...CUDA],
});

/** What a real GPU is measured with, the most important first. */
export const REAL: readonly Case[] = [
  {
    name: 'AlexNet at 224, training, batch 128',
    what: 'train',
    network: alexnet('torchvision'),
    batch: 128,
    peers: [...CUDA, ...WEBGPU],
  },
  fourLayers(32),
  {
    // The peers' programs build chains of layers only.
    name: 'ResNet-20, training, batch 128',
    what: 'train',
    network: { paper: 'resnet', preset: 'resnet-20', norm: 'none' },
    batch: 128,
    peers: [],
  },
  {
    name: 'AlexNet at 224, forward, batch 1',
    what: 'infer',
    network: alexnet('torchvision'),
    batch: 1,
    peers: [...WEBGPU, ['onnxruntime-web', 'webgpu']],
  },
];

/** The same program on an adapter that the processor imitates, to see that it works. */
export const SOFTWARE: readonly Case[] = [{ ...fourLayers(2), peers: WEBGPU }];

/** Sides of the matrix products whose rates are measured. */
export const SIDES = { real: [512, 1024, 2048, 4096], software: [128, 256] } as const;
