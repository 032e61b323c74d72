import { scalarLeaf } from '../graph/node.js';
import * as ops from '../ops/index.js';
import { replace } from '../optim/clip.js';
import { zeroState } from '../optim/zero-state.js';
import { type Parameter, queueUpdate } from '../tensor/parameter.js';
import { takePending } from '../tensor/pending.js';
import { Tensor } from '../tensor/tensor.js';

/** Gradient accumulation over several batches, on the device. */
export class Accumulator {
  readonly #sums = new Map<Parameter, Parameter>();

  /**
   * Queues a run that adds the parameters' gradients to the sums, unless its guard is NaN or infinite.
   *
   * @param outputs computed in the same run
   * @param fresh whether to start new sums
   */
  add(
    parameters: readonly Parameter[],
    fresh: boolean,
    { outputs, guard }: { readonly outputs: readonly Tensor[]; readonly guard: Tensor },
  ): void {
    const found = parameters.filter(({ grad }) => grad !== null);
    // A new sum is a factor of 0, so that all these runs share one plan.
    const changes = found.map((parameter) => ({
      parameter: this.#sum(parameter),
      value: this.#added(parameter, fresh ? 0 : 1),
    }));
    const devices = new Set(found.map(({ storage }) => storage!.device));
    for (const device of devices) changes.push(...takePending(device));
    queueUpdate(changes, outputs, guard);
  }

  /** Adds the sums to the current gradients, which become those of all batches. */
  total(parameters: readonly Parameter[]): void {
    for (const parameter of parameters)
      if (parameter.grad) replace(parameter, new Tensor(this.#added(parameter, 1)));
  }

  /** gradient + factor · sum. The sum is always finite, so a factor of 0 clears it. */
  #added(parameter: Parameter, factor: number) {
    return ops.addScaled(
      parameter.grad!.node,
      this.#sum(parameter).node,
      scalarLeaf(factor, parameter.dtype),
    );
  }

  #sum(parameter: Parameter): Parameter {
    let sum = this.#sums.get(parameter);
    if (!sum) this.#sums.set(parameter, (sum = zeroState(parameter)));
    return sum;
  }
}
