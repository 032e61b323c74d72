import type { Recognised, Shapes } from '../paper.js';
import { FOUR_LAYER } from './build.js';
import type { Norm } from './layers.js';
import { type AlexNetPreset, alexNetPresets, channelsOf, MIDDLE_LAYERS, SIDE } from './model.js';
import { fileLayers, type Layer } from './names.js';

type Options = NonNullable<Recognised['options']>;

const KERNELS = [11, 5, 3, 3, 3];

/**
 * Recognises the AlexNet variant from tensor names and shapes. Kernels, towers, hidden units and classes follow from
 * shapes. LRN, and dropout before or after the fully connected layers, follow from the indices in the Sequential,
 * which also count layers without weights.
 */
export function recognise(shapes: Shapes, preset?: string): Recognised | undefined {
  const layers = fileLayers(shapes);
  if (!layers) return undefined;
  const [conv, fc, norm] = (['conv', 'fc', 'norm'] as const).map((kind) =>
    layers.filter((layer) => layer.kind === kind),
  ) as [Layer[], Layer[], Layer[]];
  const classes = fc.at(-1)?.shape[0];
  if (classes === undefined || classes < 1) return undefined;
  const small = preset === undefined || preset === FOUR_LAYER;
  const known = alexNetPresets.find((name) => name === preset);
  return (small ? fourLayer(conv, fc, norm, classes) : undefined) ?? alexNet(conv, fc, norm, classes, known);
}

const sameShapes = (layers: readonly Layer[], shapes: readonly (readonly number[])[]): boolean =>
  layers.length === shapes.length && layers.every(({ shape }, i) => String(shape) === String(shapes[i]));

function fourLayer(conv: Layer[], fc: Layer[], norm: Layer[], classes: number): Recognised | undefined {
  const hidden = fc.length === 2 ? fc[0]!.shape[0]! : undefined;
  for (const width of ['full', 'half'] as const)
    for (const without of [undefined, 'conv3'] as const) {
      const k = width === 'half' ? 16 : 32;
      const first = [
        [k, 3, 5, 5],
        [k, k, 5, 5],
      ];
      if (!sameShapes(conv, without ? first : [...first, [64, k, 5, 5]])) continue;
      const features = (without ? k : 64) * 4 * 4;
      const units = hidden === undefined ? [features, classes] : [features, hidden, classes];
      const last = units.slice(1).map((outputs, i) => [outputs, units[i]!]);
      if (!sameShapes(fc, last)) continue;
      const kind = normOf(conv, norm);
      if (kind === undefined) return undefined;
      const options = {
        ...(width === 'half' ? { width } : {}),
        ...(kind === 'none' ? {} : { norm: kind }),
        ...(without ? { without } : {}),
        ...(hidden === undefined ? {} : { hidden }),
      };
      return { preset: FOUR_LAYER, classes, options, assumed: assumptions(kind) };
    }
  return undefined;
}

function alexNet(
  conv: Layer[],
  fc: Layer[],
  norm: Layer[],
  classes: number,
  known?: AlexNetPreset,
): Recognised | undefined {
  const found = convolutions(conv);
  const hidden = fc[0]?.shape[0] ?? 0;
  const flat = (conv.at(-1)?.shape[0] ?? 0) * SIDE * SIDE;
  if (
    !found ||
    !sameShapes(fc, [
      [hidden, flat],
      [hidden, hidden],
      [classes, hidden],
    ])
  )
    return undefined;
  const byName = conv[0]!.path.endsWith('conv1');
  // Caffe names layers by number, so indices say nothing; its network has LRN.
  const kind = byName ? (norm.length === 0 && !found.slim ? 'lrn' : normOf(conv, norm)) : normOf(conv, norm);
  if (kind === undefined) return undefined;
  // With dropout after each hidden layer the last layer's index is 3 more than the one before, otherwise 2 more.
  const dropoutAfter = fc[2]!.number - fc[1]!.number === 3;
  const preset = known ?? choose({ ...found, kind, byName, dropoutAfter });
  const own: { norm: Norm; towers: number } = {
    norm: preset === 'batchnorm' ? 'batch' : preset === 'torchvision' ? 'none' : 'lrn',
    towers: preset === 'paper' || preset === 'caffe' ? 2 : 1,
  };
  const options: Options = {
    ...(kind === own.norm ? {} : { norm: kind }),
    ...(found.towers === own.towers ? {} : { towers: found.towers }),
    ...(found.width === 'half' ? { width: 'half' } : {}),
    ...(found.without === undefined ? {} : { without: found.without }),
    ...(hidden === 4096 ? {} : { hidden }),
  };
  return { preset, classes, options, assumed: [...others(preset, byName), ...assumptions(kind)] };
}

interface Convolutions {
  /** torchvision's smaller numbers of kernels. */
  readonly slim: boolean;
  readonly width: 'full' | 'half';
  readonly towers: 1 | 2;
  readonly without: (typeof MIDDLE_LAYERS)[number] | undefined;
}

/** The first combination of options whose convolutions have these shapes. */
function convolutions(conv: readonly Layer[]): Convolutions | undefined {
  for (const slim of [false, true])
    for (const width of ['full', 'half'] as const)
      for (const towers of [1, 2] as const)
        for (const without of [undefined, ...MIDDLE_LAYERS]) {
          const variant = { slim, width, towers, without };
          if (sameShapes(conv, shapesOf(variant))) return variant;
        }
  return undefined;
}

function shapesOf({ slim, width, towers, without }: Convolutions): number[][] {
  const shapes: number[][] = [];
  let channels = 3;
  for (const [i, full] of channelsOf(slim ? 'torchvision' : 'notes').entries()) {
    if (without === `conv${i + 1}`) continue;
    const kernels = full / (width === 'half' && i < 4 ? 2 : 1);
    // Only conv 1 and conv 3 see both towers.
    const groups = i === 0 || i === 2 ? 1 : towers;
    shapes.push([kernels, channels / groups, KERNELS[i]!, KERNELS[i]!]);
    channels = kernels;
  }
  return shapes;
}

function choose(seen: {
  slim: boolean;
  towers: 1 | 2;
  kind: Norm;
  byName: boolean;
  dropoutAfter: boolean;
}): AlexNetPreset {
  if (seen.slim) return 'torchvision';
  if (seen.byName && seen.towers === 2) return 'caffe';
  if (seen.kind === 'batch' && !seen.dropoutAfter) return 'batchnorm';
  return seen.dropoutAfter || seen.towers === 2 ? 'paper' : 'notes';
}

/** The normalisation after the first two convolutions, inferred from index gaps; undefined if no layout fits. */
function normOf(conv: readonly Layer[], norm: readonly Layer[]): Norm | undefined {
  if (norm.length > 0) return norm.length === 2 ? 'batch' : undefined;
  const gap = conv[1]!.number - conv[0]!.number;
  // A convolution is followed by activation and pooling, and LRN if there is one.
  return gap === 4 ? 'lrn' : gap === 3 || gap === 1 ? 'none' : undefined;
}

const assumptions = (kind: Norm): string[] => [
  'ReLU',
  'overlapping pooling',
  ...(kind === 'lrn' ? ['LRN with the constants of the preset'] : []),
];

/** Presets that look the same in a file. */
function others(preset: AlexNetPreset, byName: boolean): string[] {
  if (preset === 'paper') return ['the preset paper (files of caffe look the same: --preset caffe)'];
  return byName && preset !== 'torchvision' ? [`the preset ${preset}`] : [];
}
