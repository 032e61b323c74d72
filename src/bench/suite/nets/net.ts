import type { Module } from '../../../nn/index.js';
import type { Tensor } from '../../../tensor/tensor.js';

/** One input of a batch: numbers in [-1, 1], class numbers, or token ids. */
export interface Input {
  readonly shape: readonly number[];
  /** Integers below this number; floats if left out. */
  readonly below?: number;
}

export type Loss = (model: never, ...inputs: Tensor[]) => Tensor;

/** A network of the suite, with the loss of a step. The Python network of the same name computes the same. */
export interface Net {
  readonly batch: number;
  readonly inputs: (batch: number) => readonly Input[];
  readonly build: () => Module<unknown>;
  /** One loss, or several in order, by name of the submodule that each of them trains. */
  readonly loss: Loss | Readonly<Record<string, Loss>>;
}
