import {
  Conv2d,
  Dropout,
  type LayerSummary,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  type Module,
} from '../../nn/index.js';
import { withoutInit } from '../../nn/init.js';
import { layersOf } from '../../papers/layers.js';
import { buildModel, inputShapeOf, isClassifier } from '../../papers/paper.js';
import { openPaper } from '../../papers/registry.js';
import type { ModelConfig } from '../../run/config.js';
import type { ModelDetail } from '../api.js';

/** The layers of the model of a configuration; computes nothing. */
export async function describeModel(config: ModelConfig): Promise<ModelDetail> {
  const paper = await openPaper(config.paper);
  const model = withoutInit(() => buildModel(paper, config));
  const inputShape = inputShapeOf(paper, config);
  const summary = layersOf(paper, model, config);
  const modules = new Map(model.namedModules());
  const sized = !('reason' in summary);
  return {
    classifies: isClassifier(paper),
    sized,
    inputShape,
    parameters: summary.parameters,
    multiplyAdds: sized ? summary.macs : 0,
    layers: (sized ? summary.layers : definedLayers(model)).map((layer) => ({
      name: layer.name,
      kind: layer.type,
      settings: settingsOf(modules.get(layer.name)),
      outputShape: layer.outputShape.slice(1),
      parameters: layer.parameters,
      multiplyAdds: layer.macs,
    })),
  };
}

/** The layers of a model in the order of their definition, without sizes. */
const definedLayers = (model: Module): LayerSummary[] =>
  model
    .namedModules()
    .filter(([, module]) => module.children().length === 0)
    .map(([name, module]) => ({
      name,
      type: module.typeName,
      outputShape: [],
      parameters: module.parameters().reduce((sum, { size }) => sum + size, 0),
      macs: 0,
    }));

/** `11`, or `3 × 5` if the dimensions differ. */
function size(value: number | readonly number[]): string {
  const [first, second] = typeof value === 'number' ? [value, value] : value;
  return first === second ? String(first) : `${first} × ${second}`;
}

const isZero = (value: number | readonly number[]): boolean => [value].flat().every((v) => v === 0);

function settingsOf(module: Module | undefined): string {
  if (module instanceof Conv2d) {
    const { outChannels, kernelSize, stride, padding, groups } = module;
    return [
      `${outChannels} × ${kernelSize.join(' × ')}`,
      `stride ${size(stride)}`,
      ...(isZero(padding) ? [] : [`padding ${size(padding)}`]),
      ...(groups === 1 ? [] : [`${groups} groups`]),
    ].join(', ');
  }
  if (module instanceof MaxPool2d) {
    const { kernelSize, stride, padding } = module;
    const kernel = typeof kernelSize === 'number' ? [kernelSize, kernelSize] : kernelSize;
    return [
      kernel.join(' × '),
      `stride ${size(stride)}`,
      ...(isZero(padding) ? [] : [`padding ${size(padding)}`]),
    ].join(', ');
  }
  if (module instanceof Linear) return `${module.inFeatures} → ${module.outFeatures}`;
  if (module instanceof LocalResponseNorm)
    return `n ${module.size}, α ${module.alpha}, β ${module.beta}, k ${module.k}`;
  if (module instanceof Dropout) return `p ${module.p}`;
  return '';
}
