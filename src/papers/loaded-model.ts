import type { ImageRules } from '../data/images/rules.js';
import type { Transform } from '../data/transforms/index.js';
import type { Module } from '../nn/module.js';
import type { ModelConfig } from '../run/config.js';

/** A network with its weights, on its device, and how its images are prepared. */
export interface LoadedModel {
  readonly model: Module;
  readonly config: ModelConfig;
  readonly classes: readonly string[];
  readonly transform: Transform;
  /** How files become the squares that `transform` gets. */
  readonly rules: ImageRules;
  /** Images of a forward pass, where an ONNX file fixes them; more or fewer cost as much as the next multiple. */
  readonly batch?: number | undefined;
  /**
   * The model puts out a probability for each class by itself (sigmoid); otherwise logits of classes of which one is
   * right.
   */
  readonly independent?: boolean;
  /** The paper's own views of an image, whose probabilities are averaged. */
  readonly views: readonly Transform[] | undefined;
  /** For people: of a bare file of weights, what was recognised and what was assumed. Empty for a run. */
  readonly notes: readonly string[];
}
