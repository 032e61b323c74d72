import type { Tensor } from '../../tensor/tensor.js';
import type { Batch, SampleBatch } from '../batch.js';
import type { Collated } from '../samples/sample.js';

/** The samples of a {@link Dataset}: in batches, images [N, C, H, W] and int32 labels [N]. */
export interface LabelledImage {
  readonly kind: 'labelled image';
}

/** What a loader yields for samples of a type, without a `collate` of its own. */
export type BatchOf<S> = [S] extends [LabelledImage]
  ? readonly [inputs: Tensor, labels: Tensor]
  : Collated<S>;

/** What `DataLoader.batches()` yields for samples of a type. */
export type BatchIn<S> = [S] extends [LabelledImage] ? Batch : SampleBatch;

/** A batch that can be turned into tensors, any number of times with the same values. */
export interface LoadedBatch<S = LabelledImage, B = BatchOf<S>> {
  readonly batch: BatchIn<S>;
  /** See `DataLoader.tensors()`. */
  readonly tensors: () => B;
}
