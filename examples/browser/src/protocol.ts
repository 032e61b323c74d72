import type { WebGpuAdapter } from 'paperweight/core';

/** An error of this example, which the page says in the reader's language. */
export class PageError extends Error {
  /** @param key of the page's texts */
  constructor(
    readonly key: ErrorKey,
    readonly values: Readonly<Record<string, string | number>> = {},
  ) {
    super(`${key} ${JSON.stringify(values)}`);
  }
}
export type ErrorKey = 'noTrainImages' | 'noTestImages' | 'notCifar' | 'badLength' | 'badLabel' | 'notLoaded';

/** What the page asks of the trainer. */
export type Request =
  /** Asks for some images of a data set. */
  | { kind: 'preview'; data: DataName }
  /** Keeps files of CIFAR-10 in the browser. */
  | { kind: 'keep'; files: readonly File[] }
  | { kind: 'start'; settings: Settings }
  | { kind: 'pause' }
  | { kind: 'resume' }
  | { kind: 'stop' }
  | { kind: 'save' }
  | { kind: 'load'; bytes: Uint8Array<ArrayBuffer>; name: string; settings: Settings };

export interface Settings {
  readonly device: DeviceName;
  readonly network: NetworkName;
  readonly data: DataName;
  readonly epochs: number;
  readonly batchSize: number;
  readonly rate: number;
}

/** The processor, and the GPU where the browser has WebGPU. */
export const DEVICES = ['wasm', 'webgpu'] as const;
export type DeviceName = (typeof DEVICES)[number];
export const NETWORKS = ['four-layer', 'alexnet', 'resnet-20', 'vit'] as const;
export type NetworkName = (typeof NETWORKS)[number];
/** Learning rates to start with: of SGD, and of Adam for the transformer. */
export const RATES: Readonly<Record<NetworkName, number>> = {
  'four-layer': 0.02,
  alexnet: 0.01,
  'resnet-20': 0.1,
  vit: 0.001,
};
export const DATA = ['shapes10', 'cifar10'] as const;
export type DataName = (typeof DATA)[number];

/** Test images with the model's guesses. */
export interface Guesses {
  readonly size: number;
  /** RGBA, one image after another. */
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  readonly labels: readonly string[];
  readonly guesses: readonly string[];
  /** Probability of each guess. */
  readonly probabilities: readonly number[];
}

/** Test images before the model has seen any. */
export type Preview = Pick<Guesses, 'size' | 'pixels' | 'labels'>;

/** Kernels of the first convolution, RGBA, one after another. */
export interface Kernels {
  readonly size: number;
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
}

/** What the trainer reports. */
export type Report =
  /** `gpu` is undefined without WebGPU. */
  | { kind: 'devices'; threads: number; gpu: WebGpuAdapter | undefined }
  | { kind: 'preview'; images: Preview | undefined }
  /** Files of CIFAR-10. Those in `held` are lost with the page. `isReady`: there are training and test images. */
  | { kind: 'files'; names: readonly string[]; held: readonly string[]; isReady: boolean }
  | { kind: 'begin'; steps: number }
  /** `rate`: images a second, over the latest steps. */
  | { kind: 'step'; step: number; loss: number; rate: number }
  | { kind: 'accuracy'; step: number; accuracy: number }
  | { kind: 'look'; kernels: Kernels; guesses: Guesses }
  | { kind: 'state'; state: 'running' | 'paused' | 'finished' | 'stopped'; step: number }
  /** Weights were loaded from a file, which says what they are of. */
  | { kind: 'loaded'; network: NetworkName; data: DataName; accuracy: number }
  | { kind: 'weights'; bytes: Uint8Array<ArrayBuffer>; network: NetworkName }
  /** NaN or infinity has ended the training; the weights are those before. */
  | { kind: 'bad'; step: number }
  /** The GPU was lost. `kept`: the step whose weights are still there. */
  | { kind: 'lost'; step: number; kept?: number }
  /** `message` is an error of the library; those of this example have a `key` instead. */
  | { kind: 'error'; message: string; hasWeights: boolean }
  | {
      kind: 'trouble';
      key: ErrorKey;
      values: Readonly<Record<string, string | number>>;
      hasWeights: boolean;
    };
