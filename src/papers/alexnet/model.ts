import { UsageError } from '../../errors.js';
import {
  AdaptiveAvgPool2d,
  Conv2d,
  type Conv2dOptions,
  Dropout,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from '../../nn/index.js';
import type { Tensor } from '../../tensor/tensor.js';

/** One layer of a preset. Channels and features that go in follow from the layers before. */
type LayerSpec =
  | { readonly conv: number; readonly kernel: number; readonly options?: Conv2dOptions }
  | { readonly lrn: number; readonly alpha: number; readonly beta: number; readonly k: number }
  | { readonly pool: number; readonly stride: number }
  | { readonly linear: number | 'classes' }
  | 'relu'
  | 'dropout';

/** A network as data. */
interface Preset {
  readonly features: readonly LayerSpec[];
  /** Side of the feature maps that go into the classifier. */
  readonly side: number;
  readonly classifier: readonly LayerSpec[];
}

const LRN = { lrn: 5, alpha: 1e-4, beta: 0.75, k: 1 };
const POOL = { pool: 3, stride: 2 };

const PRESETS = {
  /** The notes' network: LRN before ReLU, one tower, dropout before the first two fully connected layers. */
  notes: {
    features: [
      { conv: 96, kernel: 11, options: { stride: 4, padding: 2 } },
      LRN,
      'relu',
      POOL,
      { conv: 256, kernel: 5, options: { padding: 2 } },
      LRN,
      'relu',
      POOL,
      { conv: 384, kernel: 3, options: { padding: 1 } },
      'relu',
      { conv: 384, kernel: 3, options: { padding: 1 } },
      'relu',
      { conv: 256, kernel: 3, options: { padding: 1 } },
      'relu',
      POOL,
    ],
    side: 6,
    classifier: [
      'dropout',
      { linear: 4096 },
      'relu',
      'dropout',
      { linear: 4096 },
      'relu',
      { linear: 'classes' },
    ],
  },
} as const satisfies Record<string, Preset>;

/** Names of AlexNet's variants. */
export type AlexNetPreset = keyof typeof PRESETS;

export interface AlexNetOptions {
  /** Classes to tell apart; ImageNet's 1000 by default, as in PyTorch. */
  numClasses?: number;
  /** Which variant: `notes`. */
  preset?: AlexNetPreset;
  /** Probability of dropout in the classifier; 0 leaves it out. */
  dropout?: number;
}

/**
 * AlexNet (Krizhevsky, Sutskever and Hinton, 2012): five convolutions and three fully connected layers.
 * [N, 3, H, W] → logits [N, numClasses]; made for 224 × 224, and any picture of at least 63 × 63 goes through.
 * Parameter names are those of the notes' PyTorch module: `features.0.weight` … `classifier.6.bias`.
 *
 * @throws UsageError for an unknown preset
 * @example
 * const model = await new AlexNet({ numClasses: 10 }).to(device);
 */
export class AlexNet extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor({ numClasses = 1000, preset = 'notes', dropout = 0.5 }: AlexNetOptions = {}) {
    super();
    if (!Object.hasOwn(PRESETS, preset))
      throw new UsageError({
        what: 'AlexNet has no such preset',
        expected: Object.keys(PRESETS).join(' or '),
        got: String(preset),
      });
    const { features, side, classifier }: Preset = PRESETS[preset];
    const convolutions = build(features, 3, numClasses, dropout);
    this.features = convolutions.layers;
    this.avgpool = new AdaptiveAvgPool2d([side, side]);
    this.classifier = build(classifier, convolutions.width * side * side, numClasses, dropout).layers;
  }

  forward(x: Tensor): Tensor {
    const maps = this.avgpool.forward(this.features.forward(x));
    return this.classifier.forward(maps.flatten(1));
  }
}

/** Makes the layers of a list; `width` is the number of channels or features that flow between them. */
function build(
  specs: readonly LayerSpec[],
  inputs: number,
  classes: number,
  dropout: number,
): { layers: Sequential; width: number } {
  let width = inputs;
  const layers = specs.map((spec): Module => {
    if (spec === 'relu') return new ReLU();
    if (spec === 'dropout') return new Dropout(dropout);
    if ('lrn' in spec) return new LocalResponseNorm(spec.lrn, spec);
    if ('pool' in spec) return new MaxPool2d(spec.pool, { stride: spec.stride });
    const from = width;
    if ('conv' in spec) {
      width = spec.conv;
      return new Conv2d(from, width, spec.kernel, spec.options);
    }
    width = spec.linear === 'classes' ? classes : spec.linear;
    return new Linear(from, width);
  });
  return { layers: new Sequential(...layers), width };
}
