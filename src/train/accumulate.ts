import { type Node, scalarLeaf } from '../graph/node.js';
import * as ops from '../ops/index.js';
import { replace } from '../optim/clip.js';
import { zeroState } from '../optim/zero-state.js';
import { type Parameter, queueUpdate } from '../tensor/parameter.js';
import { type Change, takePending } from '../tensor/pending.js';
import { Tensor } from '../tensor/tensor.js';

interface Run {
  /** Computed in the same run. */
  readonly outputs: readonly Tensor[];
  /** A scalar: if it is NaN or infinite, the run changes nothing. */
  readonly guard: Tensor;
}

/** Gradients of several batches, which are added on the device. */
export interface GradientSums {
  /**
   * Queues a run that adds the parameters' gradients.
   * @param at index of the batch in its step; new sums begin with 0
   */
  add(parameters: readonly Parameter[], at: number, run: Run): void;
  /** Adds the sums to the gradients of the last batch, whose index is `at`: they become those of all batches. */
  total(parameters: readonly Parameter[], at: number): void;
}

/** Queues a run of updates, and of the pending ones. */
function queue(changes: readonly Change[], { outputs, guard }: Run): void {
  const devices = new Set(changes.map(({ parameter }) => parameter.storage!.device));
  queueUpdate([...changes, ...[...devices].flatMap((device) => takePending(device))], outputs, guard);
}

const withGradient = (parameters: readonly Parameter[]): Parameter[] =>
  parameters.filter(({ grad }) => grad !== null);

/** A sum for each parameter, made when it is first used. */
class Sums {
  readonly #made = new Map<Parameter, Parameter>();

  of(parameter: Parameter): Parameter {
    let sum = this.#made.get(parameter);
    if (!sum) this.#made.set(parameter, (sum = zeroState(parameter)));
    return sum;
  }
}

/** Adds one batch after another. */
export class Accumulator implements GradientSums {
  readonly #sums = new Sums();

  add(parameters: readonly Parameter[], at: number, run: Run): void {
    // A new sum is a factor of 0, so that all these runs share one plan.
    const changes = withGradient(parameters).map((parameter) => ({
      parameter: this.#sums.of(parameter),
      value: this.#added(parameter, at === 0 ? 0 : 1),
    }));
    queue(changes, run);
  }

  total(parameters: readonly Parameter[]): void {
    for (const parameter of withGradient(parameters))
      replace(parameter, new Tensor(this.#added(parameter, 1)));
  }

  /** gradient + factor · sum. The sum is always finite, so a factor of 0 clears it. */
  #added(parameter: Parameter, factor: number): Node {
    return ops.addScaled(
      parameter.grad!.node,
      this.#sums.of(parameter).node,
      scalarLeaf(factor, parameter.dtype),
    );
  }
}

/**
 * Adds neighbouring batches, then pairs of these, and so on: sums of a power of two of batches are those of
 * `addPairs` (`distributed/thread/sums.ts`) over as many ranks.
 */
export class PairedAccumulator implements GradientSums {
  /** Sums of 1, 2, 4 … batches that wait for as many more. */
  readonly #levels: Sums[] = [];

  add(parameters: readonly Parameter[], at: number, run: Run): void {
    const level = fullLevels(at);
    while (this.#levels.length <= level) this.#levels.push(new Sums());
    const changes = withGradient(parameters).map((parameter) => ({
      parameter: this.#levels[level]!.of(parameter),
      value: this.#joined(parameter, level),
    }));
    queue(changes, run);
  }

  total(parameters: readonly Parameter[], at: number): void {
    const level = fullLevels(at);
    for (const parameter of withGradient(parameters))
      replace(parameter, new Tensor(this.#joined(parameter, level)));
  }

  /** The gradient, and the sums of the levels below one. */
  #joined(parameter: Parameter, level: number): Node {
    return this.#levels
      .slice(0, level)
      .reduce((sum, sums) => ops.add(sums.of(parameter).node, sum), parameter.grad!.node);
  }
}

/** Number of sums that the batch completes: the ones at the end of its index in binary. */
const fullLevels = (at: number): number => Math.log2((at + 1) & -(at + 1));
