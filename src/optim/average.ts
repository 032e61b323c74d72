import { shown } from '../errors/arguments.js';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { hostLeaf, type Node } from '../graph/node.js';
import { makeArray, sameShape } from '../graph/types.js';
import * as ops from '../ops/index.js';
import type { Change } from '../tensor/pending.js';
import { checkPlace, checkSaved, loadSaved, type SavedTensor } from '../tensor/saved.js';
import { Parameter, update } from '../tensor/tensor.js';
import { listOfParameters } from './parameters.js';
import { zerosLike } from './zeros-like.js';

interface Tracked {
  readonly name: string;
  readonly parameter: Parameter;
  readonly mean: Parameter;
}

/**
 * Exponential moving average of weights and running statistics. After step t, with W₀ = 0 and e₀ anything:
 *
 * W_t = decay · W_{t−1} + 1; e_t = e_{t−1} + (p_t − e_{t−1}) / W_t
 *
 * which is Σ decay^(t−i) p_i / Σ decay^(t−i): a weighted mean of the weights after each step, with nothing in it of
 * those that training began with. So it needs no warm-up of its own: the first average is p₁, and W_t grows to
 * 1 / (1 − decay), where the rule becomes the usual e ← decay · e + (1 − decay) · p.
 *
 * Hand it to the optimizer (`optimizer.average`), whose steps then take it along in the same run of the device.
 */
export class WeightAverage {
  readonly decay: number;
  readonly #tracked: readonly Tracked[];
  #weight = 0;
  #before = 0;
  /** The model's own values, while the averages stand in their place. */
  #aside: Map<Parameter, Parameter> | undefined;

  /**
   * @param named of a model that is on its device: trained parameters and running statistics, by name
   * @throws UsageError for a decay outside of (0, 1) or a parameter that is on no device
   */
  constructor(named: Iterable<readonly [string, Parameter]>, decay: number) {
    if (typeof decay !== 'number' || !(decay > 0 && decay < 1))
      throw new UsageError({
        what: 'WeightAverage got a bad decay',
        expected: 'a number between 0 and 1',
        got: shown(decay),
      });
    this.decay = decay;
    this.#tracked = listOfParameters('WeightAverage', named).map((pair) => {
      const [name, parameter] = Array.isArray(pair) ? (pair as unknown[]) : [];
      if (typeof name !== 'string' || !(parameter instanceof Parameter))
        throw new UsageError({
          what: 'WeightAverage takes parameters with their names',
          expected: 'model.namedParameters()',
          got: shown(pair),
        });
      return { name, parameter, mean: zerosLike(parameter) };
    });
  }

  /** What a step has to write beside its own changes. */
  changes(made: readonly Change[]): Change[] {
    const next = new Map(made.map(({ parameter, value }) => [parameter, value]));
    this.#before = this.#weight;
    this.#weight = this.decay * this.#weight + 1;
    const rates = new Map<string, Node>();
    return this.#tracked.map(({ parameter, mean }) => {
      const { dtype } = parameter;
      const rate = rates.get(dtype) ?? scalar(1 / this.#weight, dtype);
      rates.set(dtype, rate);
      const value = next.get(parameter) ?? parameter.node;
      return { parameter: mean, value: ops.addScaled(mean.node, ops.sub(value, mean.node), rate) };
    });
  }

  /** Takes back what is known here of a step that wrote nothing. */
  undo(): void {
    this.#weight = this.#before;
  }

  /** Puts the averages in the place of the model's own values, which stand aside until `swapOut()`. */
  swapIn(): void {
    if (this.#aside || this.#weight === 0) return;
    this.#aside = new Map();
    // One at a time: a single run would hold copies of all of them.
    for (const { parameter, mean } of this.#tracked) {
      const own = zerosLike(parameter);
      this.#aside.set(parameter, own);
      update([{ parameter: own, value: parameter.node }]);
      update([{ parameter, value: mean.node }]);
    }
  }

  /** Gives the model its own values back, bit for bit. */
  swapOut(): void {
    const aside = this.#aside ?? [];
    this.#aside = undefined;
    for (const [parameter, own] of aside) update([{ parameter, value: own.node }]);
  }

  /** Where a parameter's own value is now: in itself, unless its average stands there. */
  ownOf(parameter: Parameter): Parameter {
    return this.#aside?.get(parameter) ?? parameter;
  }

  /** Averages by name (`ema.` and the parameter's), and the sum of their weights. */
  stateDict(): { tensors: Map<string, Parameter>; state: { weight: number } } {
    const tensors = this.#weight === 0 ? [] : this.#tracked;
    return {
      tensors: new Map(tensors.map(({ name, mean }) => [`ema.${name}`, mean])),
      state: { weight: this.#weight },
    };
  }

  /**
   * Continues where `stateDict()` was taken.
   * @throws CheckpointError where a tensor is missing or does not fit; nothing is changed then
   */
  loadStateDict({
    tensors,
    state,
  }: {
    tensors: ReadonlyMap<string, SavedTensor>;
    state: { weight: number };
  }): void {
    const found = state.weight === 0 ? [] : this.#tracked;
    const values = found.map(({ name, mean }) => {
      const saved = tensors.get(`ema.${name}`);
      if (!saved || !sameShape(saved.shape, mean.shape))
        throw new CheckpointError({
          what: `The saved averages do not fit: ema.${name}`,
          expected: `[${mean.shape.join(', ')}]`,
          got: saved ? `[${saved.shape.join(', ')}]` : 'nothing',
          next: 'resume from a checkpoint of a run with --ema',
        });
      checkSaved(`ema.${name}`, saved);
      checkPlace(`ema.${name}`, mean, saved);
      return saved;
    });
    found.forEach(({ mean }, i) => {
      loadSaved(mean, values[i]!);
    });
    this.#weight = state.weight;
  }
}

function scalar(value: number, dtype: Parameter['dtype']): Node {
  const data = makeArray(dtype, 1);
  data[0] = value;
  return hostLeaf(data, [], dtype);
}
