import { hostLeaf, type Node } from '../graph/node.js';
import { makeArray } from '../graph/types.js';
import type { Parameter } from '../tensor/tensor.js';
import type { Group } from './sgd-options.js';

/** A group's hyperparameters as graph leaves: their values are passed with each run, so changing them does not recompile. */
export class Factors {
  readonly step: Node;
  readonly undamped: Node;
  readonly weightDecay: Node;
  /** By value: parameters of a group share a leaf, unless one of them had no gradient when the rate changed. */
  readonly #momentum = new Map<number, Node>();
  readonly #group: Group;
  readonly #leaf: (value: number) => Node;

  constructor(group: Group, like: Parameter | undefined) {
    const dtype = like?.dtype ?? 'float32';
    this.#group = group;
    this.#leaf = (value) => {
      const data = makeArray(dtype, 1);
      data[0] = value;
      return hostLeaf(data, [], dtype);
    };
    this.step = this.#leaf(-group.lr * group.lrScale);
    this.undamped = this.#leaf(1 - group.dampening);
    this.weightDecay = this.#leaf(group.weightDecay);
  }

  momentum(ratio: number): Node {
    const value = ratio * this.#group.momentum;
    const made = this.#momentum.get(value) ?? this.#leaf(value);
    this.#momentum.set(value, made);
    return made;
  }
}
