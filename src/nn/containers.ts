import * as ops from '../ops/index.js';
import { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/**
 * Modules one after another, named `0`, `1`, ….
 *
 * @example
 * const head = new Sequential(new Dropout(0.5), new Linear(9216, 4096), new ReLU());
 */
export class Sequential extends Module {
  readonly #layers: readonly Module[];

  constructor(...layers: readonly Module[]) {
    super();
    this.#layers = layers;
  }

  get length(): number {
    return this.#layers.length;
  }

  /** The layer at a position; negative positions count from the end. */
  at(position: number): Module | undefined {
    return this.#layers.at(position);
  }

  [Symbol.iterator](): Iterator<Module> {
    return this.#layers[Symbol.iterator]();
  }

  protected override *members(): Iterable<readonly [string, Module]> {
    for (const [i, layer] of this.#layers.entries()) yield [String(i), layer];
  }

  forward(x: Tensor): Tensor {
    return this.#layers.reduce((y, layer) => layer.forward(y), x);
  }
}

/** Returns its input: the place of a layer that a variant leaves out. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Joins the dimensions from `startDim` on: [N, C, H, W] → [N, C·H·W]. */
export class Flatten extends Module {
  constructor(readonly startDim = 1) {
    super();
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.flatten(x.node, this.startDim)));
  }

  protected override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=-1`;
  }
}
