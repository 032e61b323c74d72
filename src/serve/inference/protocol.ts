import type { PlainError } from '../../errors/errors.js';
import type { FeatureMaps, ModelDetail } from '../api.js';

/** A test image by index, or the bytes of an image file. */
export type ImageSource = { readonly index: number } | { readonly bytes: Uint8Array };

/** A weights file; `version` changes with its content. */
export interface Weights {
  /** Real path of the run. */
  readonly run: string;
  /** File name in `checkpoints/`. */
  readonly file: string;
  readonly version: string;
}

/** Requests from the server to the inference process: arguments and answer of each operation. */
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
  /** The network as an ONNX file, with the preparation of its images. */
  onnx: { args: { readonly weights: Weights }; value: Uint8Array };
  /** Runs images `from` to `to` of a class-balanced sample of the test set; fewer at its end. */
  survey: {
    args: { readonly weights: Weights; readonly from: number; readonly to: number };
    value: SurveyPart;
  };
}

export interface Predicted {
  readonly classes: readonly string[];
  readonly probabilities: Float32Array;
  /** Input of the last fully connected layer. */
  readonly hidden: Float32Array;
  readonly label: number | undefined;
}

export interface SurveyPart {
  readonly classes: readonly string[];
  /** Indices of the images in the test set, without those that could not be read. */
  readonly indices: Int32Array;
  readonly labels: Int32Array;
  readonly predicted: Int32Array;
  /** Input of the last fully connected layer, image after image. */
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
