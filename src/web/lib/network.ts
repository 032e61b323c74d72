import type { ModelDetail } from '../../serve/api.js';

export type Layer = ModelDetail['layers'][number];

/** A layer with weights and the ones without that follow it: a column of the drawing. */
export interface Stage {
  readonly layers: readonly Layer[];
  /** Of the stage's last layer. */
  readonly outputShape: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** Of the whole model, 0 to 1. */
  readonly parameterShare: number;
  readonly costShare: number;
}

/** Layers in the order in which they run, cut before each one that has weights. */
export function stagesOf(model: ModelDetail): Stage[] {
  const groups: Layer[][] = [];
  for (const layer of model.layers) {
    const group = groups.at(-1);
    if (group === undefined || layer.parameters > 0) groups.push([layer]);
    else group.push(layer);
  }
  return groups.map((layers) => {
    const sum = (key: 'parameters' | 'multiplyAdds') =>
      layers.reduce((total, layer) => total + layer[key], 0);
    return {
      layers,
      outputShape: layers.at(-1)!.outputShape,
      parameters: sum('parameters'),
      multiplyAdds: sum('multiplyAdds'),
      parameterShare: model.parameters > 0 ? sum('parameters') / model.parameters : 0,
      costShare: model.multiplyAdds > 0 ? sum('multiplyAdds') / model.multiplyAdds : 0,
    };
  });
}

/** Names of layers as drawings shorten them; the panel has the whole one. */
const SHORT: Readonly<Record<string, string>> = {
  Conv2d: 'Conv',
  MaxPool2d: 'MaxPool',
  AdaptiveAvgPool2d: 'AvgPool',
  LocalResponseNorm: 'LRN',
};

export const shortKind = (kind: string): string => SHORT[kind] ?? kind;

/** A box that stands for a shape: face (height = width of the maps) and depth (channels), in the drawing's units. */
export interface Box {
  readonly face: number;
  readonly depth: number;
}

/**
 * Sizes grow with the logarithm, or 55 × 55 maps and 4,096 units would not fit one image.
 *
 * @param dims C × H × W, or the units of a fully connected layer; a leading batch of 1 may be there
 */
export function boxOf(dims: readonly number[]): Box {
  const own = dims.length === 4 || dims.length === 2 ? dims.slice(1) : dims;
  const [channels = 1, height = 1] = own;
  return {
    face: own.length >= 3 ? 10 + 11 * Math.log2(1 + height) : 9,
    depth: own.length >= 3 ? 2 + 3.4 * Math.log2(1 + channels) : 2 + 6.4 * Math.log2(1 + channels),
  };
}
