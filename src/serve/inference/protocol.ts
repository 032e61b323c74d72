import type { PlainError } from '../../errors/errors.js';
import type { FeatureMaps, ModelDetail } from '../api.js';

/** A test image, or the file of an image. */
export type ImageSource = { readonly index: number } | { readonly bytes: Uint8Array };

/** Which weights are meant; `version` changes when the file does. */
export interface Weights {
  /** Real path of the run. */
  readonly run: string;
  /** Name in `checkpoints/`. */
  readonly file: string;
  readonly version: string;
}

/** What the server asks the process that computes, by name of the operation: arguments and answer. */
export interface Operations {
  model: { args: { readonly run: string }; value: ModelDetail };
  /** PNG of a test image. */
  image: { args: { readonly run: string; readonly index: number }; value: Uint8Array };
  features: {
    args: { readonly weights: Weights; readonly image: ImageSource; readonly layer: string };
    value: Omit<FeatureMaps, 'grey'> & { readonly grey: Uint8Array };
  };
  predict: {
    args: { readonly weights: Weights; readonly image: ImageSource };
    value: Predicted;
  };
  /** Looks at images `from` to `to` of a sample of the test set, spread over the classes, as far as there are any. */
  survey: {
    args: { readonly weights: Weights; readonly from: number; readonly to: number };
    value: SurveyPart;
  };
}

export interface Predicted {
  readonly classes: readonly string[];
  readonly probabilities: Float32Array;
  /** What goes into the last fully connected layer. */
  readonly hidden: Float32Array;
  readonly label: number | undefined;
}

export interface SurveyPart {
  readonly classes: readonly string[];
  /** Places of the images in the test set; those that cannot be read are left out. */
  readonly indices: Int32Array;
  readonly labels: Int32Array;
  readonly predicted: Int32Array;
  /** For each image what goes into the last fully connected layer, one after another. */
  readonly hidden: Float32Array;
}

export type Operation = keyof Operations;

export interface Request<O extends Operation = Operation> {
  readonly id: number;
  readonly operation: O;
  readonly args: Operations[O]['args'];
}

export type Reply =
  | { readonly id: number; readonly value: Operations[Operation]['value'] }
  | { readonly id: number; readonly error: PlainError }
  | { readonly id: number; readonly progress: { readonly done: number; readonly total: number } };
