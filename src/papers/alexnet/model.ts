import { checkOptionNames, nn, type Tensor, UsageError } from 'paperweight/core';
import { type Activation, activation as makeActivation } from './layers.js';

/** What follows the first two convolutions, in some order. */
type Step = 'act' | 'norm' | 'pool';

/** What tells AlexNet's variants apart. */
interface Preset {
  /** Kernels of the five convolutions. */
  readonly channels: readonly [number, number, number, number, number];
  /** Zeros around the image, before the first convolution. */
  readonly padding: number;
  readonly order: readonly Step[];
  readonly norm: Norm;
  /** By PyTorch's convention, in which alpha is divided by the size. */
  readonly lrn: { readonly size: number; readonly alpha: number; readonly beta: number; readonly k: number };
  /** Halves of conv 2, 4 and 5 that do not see each other. */
  readonly towers: 1 | 2;
  /** Where the two dropouts stand beside the first two fully connected layers. */
  readonly dropout: 'before' | 'after';
  /** Whether a pooling window may reach beyond the edge. */
  readonly ceilMode: boolean;
}

/** The notes: LRN between convolution and ReLU, one tower, dropout before the fully connected layers. */
const NOTES: Preset = {
  channels: [96, 256, 384, 384, 256],
  padding: 2,
  order: ['norm', 'act', 'pool'],
  norm: 'lrn',
  lrn: { size: 5, alpha: 1e-4, beta: 0.75, k: 1 },
  towers: 1,
  dropout: 'before',
  ceilMode: false,
};

/** The paper's section 3: alpha 1e-4 is not divided there, so it is 5 times as much here. */
const PAPER: Preset = {
  ...NOTES,
  order: ['act', 'norm', 'pool'],
  lrn: { size: 5, alpha: 5e-4, beta: 0.75, k: 2 },
  towers: 2,
  dropout: 'after',
};

const PRESETS = {
  notes: NOTES,
  paper: PAPER,
  batchnorm: { ...NOTES, norm: 'batch' },
  /** torchvision.models.alexnet, after Krizhevsky's "One weird trick for parallelizing convolutional neural networks" (2014). */
  torchvision: { ...NOTES, channels: [64, 192, 384, 256, 256], norm: 'none' },
  /** Caffe's models/bvlc_alexnet/train_val.prototxt, made for 227 × 227; Caffe rounds the size of pooled maps up. */
  caffe: { ...PAPER, padding: 0, lrn: NOTES.lrn, ceilMode: true },
} as const satisfies Record<string, Preset>;

/** Names of AlexNet's variants. */
export type AlexNetPreset = keyof typeof PRESETS;
/** Kernels of a preset's five convolutions. */
export const channelsOf = (preset: AlexNetPreset): readonly number[] => PRESETS[preset].channels;
export const alexNetPresets = Object.keys(PRESETS) as AlexNetPreset[];

export const NORMS = ['lrn', 'batch', 'none'] as const;
export type Norm = (typeof NORMS)[number];
export const POOLINGS = ['overlapping', 'plain'] as const;
export type Pooling = (typeof POOLINGS)[number];
export const MIDDLE_LAYERS = ['conv3', 'conv4', 'conv5'] as const;

export interface AlexNetOptions {
  /** Classes to tell apart; ImageNet's 1000 by default, as in PyTorch. */
  numClasses?: number;
  /** Which variant: `notes`, `paper`, `batchnorm`, `torchvision` or `caffe`. */
  preset?: AlexNetPreset;
  /** Probability of dropout in the classifier; 0 leaves it out. */
  dropout?: number;
  /** ReLU unless given (section 3.1). */
  activation?: Activation;
  /** What stands in the place of LRN (section 3.3); the preset's own unless given. */
  norm?: Norm;
  /** Windows of 3 with stride 2 (section 3.4), or of 2 that do not overlap. */
  pooling?: Pooling;
  /** 2: conv 2, 4 and 5 see only their own half of the channels (section 3.2); the preset's own unless given. */
  towers?: 1 | 2;
  /** Half: half as many kernels in all convolutions but the last, which is the paper's one-GPU net (section 3.2). */
  width?: 'full' | 'half';
  /** A convolution to leave out, with its activation (section 7). */
  without?: (typeof MIDDLE_LAYERS)[number];
  /** Units of each hidden fully connected layer; 4096 unless given. */
  hidden?: number;
}

const OPTIONS = [
  ...['numClasses', 'preset', 'dropout', 'activation', 'norm'],
  ...['pooling', 'towers', 'width', 'without', 'hidden'],
];

/**
 * AlexNet (Krizhevsky, Sutskever and Hinton, 2012): five convolutions and three fully connected layers.
 * [N, 3, H, W] → logits [N, numClasses]; made for 224 × 224, and any image of at least 63 × 63 goes through.
 * Parameter names of `notes` are those of the notes' PyTorch module, those of `torchvision` are torchvision's:
 * `features.0.weight` … `classifier.6.bias`.
 *
 * @throws UsageError for an unknown preset or option
 * @example
 * const model = await new AlexNet({ numClasses: 10 }).to(device);
 */
export class AlexNet extends nn.Module {
  readonly features: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;
  readonly #convolutions = new Map<string, nn.Conv2d>();

  constructor(options: AlexNetOptions = {}) {
    super();
    checkOptionNames('AlexNet', options, OPTIONS);
    const {
      numClasses = 1000,
      preset: name = 'notes',
      dropout = 0.5,
      activation = 'relu',
      pooling = 'overlapping',
      width = 'full',
      hidden = 4096,
      without,
    } = options;
    if (!Object.hasOwn(PRESETS, name))
      throw new UsageError({
        what: 'AlexNet has no such preset',
        expected: alexNetPresets.join(' or '),
        got: String(name),
      });
    const preset: Preset = PRESETS[name];
    const { norm = preset.norm, towers = preset.towers } = options;
    const act = () => makeActivation(activation);
    const pool = () =>
      new nn.MaxPool2d(pooling === 'plain' ? 2 : 3, { stride: 2, ceilMode: preset.ceilMode });
    const layers: nn.Module[] = [];
    let channels = 3;
    const conv = (
      index: number,
      kernel: number,
      options: { stride?: number; padding: number; groups?: number },
    ) => {
      if (without === `conv${index + 1}`) return;
      const kernels = preset.channels[index]! / (width === 'half' && index < 4 ? 2 : 1);
      const layer = new nn.Conv2d(channels, kernels, kernel, options);
      this.#convolutions.set(`conv${index + 1}`, layer);
      layers.push(layer);
      channels = kernels;
      if (index >= 2) layers.push(act());
    };
    const between = () => {
      for (const step of preset.order) {
        if (step === 'act') layers.push(act());
        else if (step === 'pool') layers.push(pool());
        else if (norm === 'batch') layers.push(new nn.BatchNorm2d(channels));
        else if (norm === 'lrn') {
          const { size, ...constants } = preset.lrn;
          layers.push(new nn.LocalResponseNorm(size, constants));
        }
      }
    };
    conv(0, 11, { stride: 4, padding: preset.padding });
    between();
    conv(1, 5, { padding: 2, groups: towers });
    between();
    conv(2, 3, { padding: 1 });
    conv(3, 3, { padding: 1, groups: towers });
    conv(4, 3, { padding: 1, groups: towers });
    layers.push(pool());
    this.features = new nn.Sequential(...layers);
    this.avgpool = new nn.AdaptiveAvgPool2d([SIDE, SIDE]);
    const block = (inputs: number): nn.Module[] => {
      const drop = new nn.Dropout(dropout);
      const own = [new nn.Linear(inputs, hidden), act()];
      return preset.dropout === 'before' ? [drop, ...own] : [...own, drop];
    };
    this.classifier = new nn.Sequential(
      ...block(channels * SIDE * SIDE),
      ...block(hidden),
      new nn.Linear(hidden, numClasses),
    );
  }

  /** The convolutions by the paper's names, `conv1` to `conv5`, whatever is left out between them. */
  get convolutions(): ReadonlyMap<string, nn.Conv2d> {
    return this.#convolutions;
  }

  forward(x: Tensor): Tensor {
    const maps = this.avgpool.forward(this.features.forward(x));
    return this.classifier.forward(maps.flatten(1));
  }
}

/** Side of the feature maps that go into the classifier. */
export const SIDE = 6;
