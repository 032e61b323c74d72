import type { ModelDetail } from '../../serve/api.js';

export type Layer = ModelDetail['layers'][number];

/** A layer with weights and the layers without weights that follow it: one column of the drawing. */
export interface Stage {
  readonly layers: readonly Layer[];
  /** Output shape of the stage's last layer. */
  readonly outputShape: readonly number[];
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** Fraction of the whole model, 0 to 1. */
  readonly parameterShare: number;
  readonly costShare: number;
}

/** Layers in execution order, split before each layer with weights. */
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

/** Abbreviated layer names for drawings; the panel shows the full name. */
const SHORT: Readonly<Record<string, string>> = {
  Conv2d: 'Conv',
  MaxPool2d: 'MaxPool',
  AdaptiveAvgPool2d: 'AvgPool',
  LocalResponseNorm: 'LRN',
};

export const shortKind = (kind: string): string => SHORT[kind] ?? kind;

/** A box that represents a shape: face (height and width of the maps) and depth (channels), in drawing units. */
export interface Box {
  readonly face: number;
  readonly depth: number;
}

/**
 * Sizes grow logarithmically; otherwise 55 × 55 maps and 4,096 units would not fit one image.
 *
 * @param dims C × H × W, or the number of units of a fully connected layer; may have a leading batch of 1
 */
export function boxOf(dims: readonly number[]): Box {
  const own = dims.length === 4 || dims.length === 2 ? dims.slice(1) : dims;
  const [channels = 1, height = 1] = own;
  return {
    face: own.length >= 3 ? 10 + 11 * Math.log2(1 + height) : 9,
    depth: own.length >= 3 ? 2 + 3.4 * Math.log2(1 + channels) : 2 + 6.4 * Math.log2(1 + channels),
  };
}
