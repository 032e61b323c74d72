import type { ImageRules } from '../../data/images/rules.js';
import type { Transform } from '../../data/transforms/index.js';
import type { Module } from '../../nn/module.js';
import type { ModelConfig } from '../../run/config.js';
import type { Paper } from '../paper.js';

/** A network with its weights on its device, and the preparation of its images. */
export interface LoadedModel {
  readonly model: Module;
  readonly config: ModelConfig;
  readonly classes: readonly string[];
  readonly transform: Transform;
  /** How image files become the square images that `transform` gets. */
  readonly rules: ImageRules;
  /** Batch size, if an ONNX file fixes it; other numbers of images are padded to a multiple. */
  readonly batch?: number | undefined;
  /**
   * True if the model outputs an independent probability for each class (sigmoid); otherwise logits of mutually
   * exclusive classes.
   */
  readonly independent?: boolean;
  /** The paper's own views of an image (such as ten crops), whose probabilities are averaged. */
  readonly views: readonly Transform[] | undefined;
  /** Whether the file does not say how images are prepared, so that it is assumed. */
  readonly assumed: boolean;
  /** Messages for the user about a bare file of weights: what was recognised and assumed. Empty for a run. */
  readonly notes: readonly string[];
}

/** A network with its weights that is not a classifier of images, but trained in the way of its paper. */
export interface LoadedNetwork {
  readonly model: Module;
  readonly paper: Paper;
  readonly config: ModelConfig;
  readonly notes: readonly string[];
}
