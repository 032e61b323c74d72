import { checkOptionNames, nn, type Tensor, UsageError } from 'paperweight/core';
import { type Activation, activation as makeActivation, type Norm, type Pooling } from './layers.js';

export { FourLayerNet, type FourLayerOptions } from './four-layer.js';

/** Layers after each of the first two convolutions; their order depends on the preset. */
type Step = 'act' | 'norm' | 'pool';

/** What differs between AlexNet's presets. */
interface Preset {
  /** Kernels of the five convolutions. */
  readonly channels: readonly [number, number, number, number, number];
  /** Zeros around the image, before the first convolution. */
  readonly padding: number;
  readonly order: readonly Step[];
  readonly norm: Norm;
  /** PyTorch's convention: alpha is divided by the size. */
  readonly lrn: { readonly size: number; readonly alpha: number; readonly beta: number; readonly k: number };
  /** 2: conv 2, 4 and 5 are grouped convolutions with two groups. */
  readonly towers: 1 | 2;
  /** Whether dropout comes before or after each of the first two fully connected layers. */
  readonly dropout: 'before' | 'after';
  /** Whether pooling windows may extend beyond the edge. */
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

/** The paper's section 3. Its alpha of 1e-4 is not divided by the size (5), so alpha is 5 times as large here. */
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

/** Names of AlexNet's presets. */
export type AlexNetPreset = keyof typeof PRESETS;
/** Kernels of a preset's five convolutions. */
export const channelsOf = (preset: AlexNetPreset): readonly number[] => PRESETS[preset].channels;
export const alexNetPresets = Object.keys(PRESETS) as AlexNetPreset[];

export const MIDDLE_LAYERS = ['conv3', 'conv4', 'conv5'] as const;

export interface AlexNetOptions {
  /** Number of classes; default 1000 (ImageNet), as in PyTorch. */
  numClasses?: number;
  /** `notes`, `paper`, `batchnorm`, `torchvision` or `caffe`. */
  preset?: AlexNetPreset;
  /** Dropout probability in the classifier; 0 removes the dropout layers. */
  dropout?: number;
  /** Default ReLU (section 3.1). */
  activation?: Activation;
  /** Normalisation in place of LRN (section 3.3); default: set by the preset. */
  norm?: Norm;
  /** `overlapping`: windows of 3 with stride 2 (section 3.4); `plain`: windows of 2 with stride 2. */
  pooling?: Pooling;
  /** 2: conv 2, 4 and 5 connect only within each half of the channels (section 3.2); default: set by the preset. */
  towers?: 1 | 2;
  /** `half`: half as many kernels in all convolutions but the last, the paper's one-GPU network (section 3.2). */
  width?: 'full' | 'half';
  /** A convolution to remove, together with its activation (section 7). */
  without?: (typeof MIDDLE_LAYERS)[number];
  /** Units of each hidden fully connected layer; default 4096. */
  hidden?: number;
}

const OPTIONS = [
  ...['numClasses', 'preset', 'dropout', 'activation', 'norm'],
  ...['pooling', 'towers', 'width', 'without', 'hidden'],
];

/**
 * AlexNet (Krizhevsky, Sutskever and Hinton, 2012): five convolutions and three fully connected layers.
 * [N, 3, H, W] → logits [N, numClasses]; designed for 224 × 224, accepts any image of at least 63 × 63.
 * The `notes` preset has the parameter names of the notes' PyTorch module, `torchvision` those of torchvision:
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
        what: 'Unknown AlexNet preset',
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

  /** The convolutions by the paper's names, `conv1` to `conv5`, also if one between them was removed. */
  get convolutions(): ReadonlyMap<string, nn.Conv2d> {
    return this.#convolutions;
  }

  forward(x: Tensor): Tensor {
    const maps = this.avgpool.forward(this.features.forward(x));
    return this.classifier.forward(maps.flatten(1));
  }
}

/** Height and width of the feature maps that enter the classifier. */
export const SIDE = 6;
