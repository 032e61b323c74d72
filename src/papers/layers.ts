import { PaperweightError } from '../errors/errors.js';
import { inspect, type ModelSummary } from '../nn/inspect.js';
import type { Module } from '../nn/module.js';
import type { ModelConfig } from '../run/config.js';
import { inputShapeOf, isClassifier, type Paper } from './paper.js';

/** Layers that are unknown, because the network does not take an image. */
export interface UnknownLayers {
  /** Trainable values. */
  readonly parameters: number;
  /** What happened with an image. */
  readonly reason: string;
}

/**
 * The layers of a paper's network for one image. The input of a paper with a training of its own may be of any kind,
 * which only its data sets know.
 *
 * @throws PaperweightError for a classifier that does not take an image of this size
 */
export function layersOf(
  paper: Paper,
  model: Module,
  config: Pick<ModelConfig, 'preset' | 'imageSize'>,
): ModelSummary | UnknownLayers {
  try {
    return inspect(model, inputShapeOf(paper, config));
  } catch (error) {
    if (isClassifier(paper)) throw error;
    const parameters = model.parameters().reduce((total, { size }) => total + size, 0);
    // Its forward may throw anything for what it was not written for.
    return { parameters, reason: error instanceof PaperweightError ? error.what : String(error) };
  }
}
