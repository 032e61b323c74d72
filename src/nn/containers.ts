import { shown } from '../errors/arguments.js';
import { UsageError } from '../errors/errors.js';
import * as ops from '../ops/index.js';
import { Tensor } from '../tensor/tensor.js';
import { nodeOf } from './arguments.js';
import { Module } from './module.js';

/**
 * Modules one after another, named `0`, `1`, ….
 *
 * @example
 * const head = new Sequential(new Dropout(0.5), new Linear(9216, 4096), new ReLU());
 */
export class Sequential extends Module {
  private readonly layers: readonly Module[];

  constructor(...layers: readonly Module[]) {
    super();
    const [first] = layers as readonly unknown[];
    const at = layers.findIndex((layer) => !(layer instanceof Module));
    const strange: unknown = layers[at];
    if (at >= 0)
      throw new UsageError({
        what: 'Sequential takes modules only',
        expected: 'modules, such as new Linear(2, 2) and new ReLU()',
        got: shown(strange),
        next: Array.isArray(first)
          ? 'write new Sequential(...layers) for an array'
          : typeof strange === 'function'
            ? 'create an instance of the class with new; wrap a function in a class that extends Module'
            : 'pass modules only',
      });
    this.layers = layers;
  }

  get length(): number {
    return this.layers.length;
  }

  /** The layer at a position; negative positions count from the end. */
  at(position: number): Module | undefined {
    return this.layers.at(position);
  }

  [Symbol.iterator](): Iterator<Module> {
    return this.layers[Symbol.iterator]();
  }

  protected override *members(): Iterable<readonly [string, Module]> {
    for (const [i, layer] of this.layers.entries()) yield [String(i), layer];
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((y, layer) => layer.forward(y), x);
  }
}

/** Returns its input: a placeholder for a layer that a variant leaves out. */
export class Identity extends Module {
  forward(x: Tensor): Tensor {
    return x;
  }
}

/** Joins the dimensions from `startDim` to `endDim`: [N, C, H, W] → [N, C·H·W]. */
export class Flatten extends Module {
  constructor(
    readonly startDim = 1,
    readonly endDim = -1,
  ) {
    super();
    for (const [name, value] of Object.entries({ startDim, endDim }))
      if (!Number.isInteger(value))
        throw new UsageError({
          what: `Flatten got a bad ${name}`,
          expected: 'an integer',
          got: shown(value),
        });
  }

  forward(x: Tensor): Tensor {
    return this.scoped(() => new Tensor(ops.flatten(nodeOf(this.typeName, x), this.startDim, this.endDim)));
  }

  protected override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Splits one dimension into several, of which one may be −1: the reverse of {@link Flatten}. */
export class Unflatten extends Module {
  constructor(
    readonly dim: number,
    readonly unflattenedSize: readonly number[],
  ) {
    super();
    if (!Number.isInteger(dim) || !Array.isArray(unflattenedSize) || !unflattenedSize.every(Number.isInteger))
      throw new UsageError({
        what: 'Unflatten got bad arguments',
        expected: 'a dimension and sizes, such as new Unflatten(1, [16, 4, 4])',
        got: `${shown(dim)} and ${shown(unflattenedSize)}`,
      });
  }

  forward(x: Tensor): Tensor {
    return this.scoped(
      () => new Tensor(ops.unflatten(nodeOf(this.typeName, x), this.dim, this.unflattenedSize)),
    );
  }

  protected override extraRepr(): string {
    return `dim=${this.dim}, unflattened_size=(${this.unflattenedSize.join(', ')})`;
  }
}
