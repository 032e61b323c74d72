import { UsageError } from '../../errors/errors.js';
import { BatchNorm2d, Conv2d, Linear, type Module } from '../../nn/index.js';
import type { Shapes } from '../paper.js';
import { AlexNet } from './model.js';

/** A layer with weights, as named in a file or a model. */
export interface Layer {
  readonly kind: 'conv' | 'norm' | 'fc';
  /** The name without `.weight` or `.bias`. */
  readonly path: string;
  /** Its index in its Sequential, or the number at the end of its name: 4 of `features.4`, 2 of `conv2`. */
  readonly number: number;
  readonly shape: readonly number[];
}

const LAYER = /^(?:(?:(.*)\.)?(\d+)|(?:.*\.)?(conv|fc)(\d+))$/;

/**
 * The layers in a file, in network order: convolutions, fully connected layers, normalisations. They are
 * distinguished by the rank of their weights and ordered by their numbers, so the names of the parts do not
 * matter: `features.8.weight` of a Sequential is read as well as Caffe's `conv3.weight`.
 *
 * @returns undefined if a tensor belongs to no such layer
 */
export function fileLayers(shapes: Shapes): Layer[] | undefined {
  const layers: (Layer & { group: string })[] = [];
  for (const [name, shape] of shapes) {
    const [path, last] = split(name);
    const [, parent, index, word, digits] = LAYER.exec(path) ?? [];
    const number = Number(index ?? digits);
    if (!Number.isInteger(number)) return undefined;
    if (last !== 'weight') continue;
    const kind = kindOf(plainShape(shape), shapes.has(`${path}.running_mean`));
    if (kind === undefined) return undefined;
    layers.push({ kind, path, number, shape: plainShape(shape), group: word ?? parent ?? '' });
  }
  const order = ['conv', 'fc', 'norm'];
  layers.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || a.number - b.number);
  // Indices of different Sequentials cannot be compared.
  const mixed = order.some(
    (kind) => new Set(layers.filter((l) => l.kind === kind).map((l) => l.group)).size > 1,
  );
  return mixed ? undefined : layers;
}

/** Drops leading ones: older Caffe files store four dimensions, [1, 1, out, in] and [1, 1, 1, out]. */
function plainShape(shape: readonly number[]): readonly number[] {
  if (shape.length !== 4 || shape[0] !== 1 || shape[1] !== 1) return shape;
  return shape[2] === 1 ? shape.slice(3) : shape.slice(2);
}

function kindOf(shape: readonly number[], hasMean: boolean): Layer['kind'] | undefined {
  if (shape.length === 4) return 'conv';
  if (shape.length === 2) return 'fc';
  return shape.length === 1 && hasMean ? 'norm' : undefined;
}

/** `features.0.weight` → [`features.0`, `weight`] */
function split(name: string): [path: string, last: string] {
  const dot = name.lastIndexOf('.');
  return [name.slice(0, Math.max(0, dot)), name.slice(dot + 1)];
}

/** The layers of a model, as {@link fileLayers} gives those of a file. */
function modelLayers(model: Module): Layer[] {
  const found: Layer[] = [];
  for (const [path, module] of model.namedModules()) {
    const number = Number(path.slice(path.lastIndexOf('.') + 1));
    if (module instanceof Conv2d) found.push({ kind: 'conv', path, number, shape: module.weight.shape });
    if (module instanceof Linear) found.push({ kind: 'fc', path, number, shape: module.weight.shape });
    if (module instanceof BatchNorm2d)
      found.push({ kind: 'norm', path, number, shape: [module.numFeatures] });
  }
  return found;
}

/** Maps the model's tensor names to the file's, layer by layer. Loading compares the shapes. */
export function translate(model: Module, shapes: Shapes): ReadonlyMap<string, string> | undefined {
  const theirs = fileLayers(shapes);
  if (!theirs) return undefined;
  const ours = modelLayers(model);
  const names = new Map<string, string>();
  for (const kind of ['conv', 'fc', 'norm'] as const) {
    const [own, other] = [ours, theirs].map((layers) => layers.filter((layer) => layer.kind === kind)) as [
      Layer[],
      Layer[],
    ];
    if (own.length !== other.length) return undefined;
    for (const [i, { path }] of own.entries())
      for (const name of model.stateDict().keys())
        if (split(name)[0] === path) names.set(name, `${other[i]!.path}.${split(name)[1]}`);
  }
  return names;
}

type Naming = (model: Module) => ReadonlyMap<string, string>;

/** A naming scheme for the convolutions and fully connected layers of an AlexNet. */
const naming =
  (name: string, paths: Readonly<Record<string, string>>): Naming =>
  (model) => {
    const refuse = (got: string): never => {
      throw new UsageError({
        what: `--names ${name} cannot be used for this model`,
        expected: 'an AlexNet of convolutions and fully connected layers',
        got,
        next: 'omit --names to keep the model’s own names',
      });
    };
    if (!(model instanceof AlexNet)) return refuse('another network');
    const conv = new Map([...model.convolutions].map(([key, layer]) => [layer as Module, key]));
    const modules = new Map(model.namedModules());
    const fc = modelLayers(model).filter(({ kind }) => kind === 'fc');
    const names = new Map<string, string>();
    for (const own of model.stateDict().keys()) {
      const [path, last] = split(own);
      const module = modules.get(path)!;
      const key =
        module instanceof Linear ? `fc${6 + fc.findIndex((l) => l.path === path)}` : conv.get(module);
      if (key === undefined) return refuse(`a ${module.constructor.name} in ${path}`);
      names.set(own, `${paths[key]!}.${last}`);
    }
    return names;
  };

const sequential = (features: readonly number[]): Record<string, string> => ({
  ...Object.fromEntries(features.map((index, i) => [`conv${i + 1}`, `features.${index}`])),
  ...Object.fromEntries([1, 4, 6].map((index, i) => [`fc${6 + i}`, `classifier.${index}`])),
});

const CAFFE = Object.fromEntries(
  ['conv1', 'conv2', 'conv3', 'conv4', 'conv5', 'fc6', 'fc7', 'fc8'].map((name) => [name, name]),
);

/** Layer names used by other programs. */
export const namings: Readonly<Record<string, Naming>> = {
  /** The notes’ PyTorch module, whose LRN layers take indices in the Sequential. */
  notes: naming('notes', sequential([0, 4, 8, 10, 12])),
  /** torchvision.models.alexnet, which has no LRN. */
  torchvision: naming('torchvision', sequential([0, 3, 6, 8, 10])),
  /** Caffe's bvlc_alexnet. */
  caffe: naming('caffe', CAFFE),
};
