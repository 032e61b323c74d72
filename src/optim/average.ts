import { shown } from '../errors/arguments.js';
import { CheckpointError, UsageError } from '../errors/errors.js';
import { excerpt } from '../errors/excerpt.js';
import { type Node, scalarLeaf } from '../graph/node.js';
import { sameShape } from '../graph/types.js';
import * as ops from '../ops/index.js';
import { inSpellingOf } from '../tensor/names.js';
import { Parameter, queueUpdate } from '../tensor/parameter.js';
import type { Change } from '../tensor/pending.js';
import { checkPlace, checkSaved, loadSaved, type SavedTensor } from '../tensor/saved.js';
import { listOfParameters } from './parameters.js';
import { zeroState } from './zero-state.js';

interface Tracked {
  readonly name: string;
  readonly parameter: Parameter;
  readonly mean: Parameter;
}

/**
 * Exponential moving average of weights and running statistics. After step t, with W₀ = 0 and any e₀:
 *
 * W_t = decay · W_{t−1} + 1; e_t = e_{t−1} + (p_t − e_{t−1}) / W_t
 *
 * which is Σ decay^(t−i) p_i / Σ decay^(t−i): a weighted mean of the weights after each step, without the initial
 * weights. It therefore needs no warm-up: the first average is p₁, and W_t approaches 1 / (1 − decay), where the rule
 * becomes the usual e ← decay · e + (1 − decay) · p.
 *
 * Assign it to `optimizer.average`: each step then updates it in the same run.
 */
export class WeightAverage {
  readonly decay: number;
  readonly #tracked: readonly Tracked[];
  #weight = 0;
  #before = 0;
  /** The trained values, while the averages are swapped in. */
  #aside: Map<Parameter, Parameter> | undefined;

  /**
   * @param named trained parameters and running statistics by name, of a model that is on its device
   * @throws UsageError if the decay is outside of (0, 1) or a parameter is on the host
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
      return { name, parameter, mean: zeroState(parameter) };
    });
  }

  /** The updates of the averages, given the other updates of a step. */
  changes(made: readonly Change[]): Change[] {
    const next = new Map(made.map(({ parameter, value }) => [parameter, value]));
    this.#before = this.#weight;
    this.#weight = this.decay * this.#weight + 1;
    const rates = new Map<string, Node>();
    return this.#tracked.map(({ parameter, mean }) => {
      const { dtype } = parameter;
      const rate = rates.get(dtype) ?? scalarLeaf(1 / this.#weight, dtype);
      rates.set(dtype, rate);
      const value = next.get(parameter) ?? parameter.node;
      return { parameter: mean, value: ops.addScaled(mean.node, ops.sub(value, mean.node), rate) };
    });
  }

  /** Reverts the weight W_t after a step whose guard kept it from writing. */
  undo(): void {
    this.#weight = this.#before;
  }

  /** Replaces the model's values by the averages, until `swapOut()`. */
  swapIn(): void {
    if (this.#aside || this.#weight === 0) return;
    this.#aside = new Map();
    // One at a time: a single run would need copies of all parameters.
    for (const { parameter, mean } of this.#tracked) {
      const own = zeroState(parameter);
      this.#aside.set(parameter, own);
      queueUpdate([{ parameter: own, value: parameter.node }]);
      queueUpdate([{ parameter, value: mean.node }]);
    }
  }

  /** Restores the model's own values exactly. */
  swapOut(): void {
    const aside = this.#aside ?? [];
    this.#aside = undefined;
    for (const [parameter, own] of aside) queueUpdate([{ parameter, value: own.node }]);
  }

  /** The parameter that contains a parameter's own value: itself, unless its average is swapped in. */
  ownOf(parameter: Parameter): Parameter {
    return this.#aside?.get(parameter) ?? parameter;
  }

  /** Averages by name (`ema.` and the parameter's name), and the sum of their weights W_t. */
  stateDict(): { tensors: Map<string, Parameter>; state: { weight: number } } {
    const tensors = this.#weight === 0 ? [] : this.#tracked;
    return {
      tensors: new Map(tensors.map(({ name, mean }) => [`ema.${name}`, mean])),
      state: { weight: this.#weight },
    };
  }

  /**
   * Restores a state from `stateDict()`.
   * @throws CheckpointError if a tensor is missing or does not fit; nothing is changed then
   */
  loadStateDict(saved: { tensors: ReadonlyMap<string, SavedTensor>; state: { weight: number } }): void {
    const { tensors, state } = saved ?? {};
    if (!(tensors instanceof Map) || typeof state?.weight !== 'number' || !(state.weight >= 0))
      throw new CheckpointError({
        what: 'The saved averages are not valid',
        expected: 'what stateDict() returned: { tensors, state }',
        got: excerpt(saved),
      });
    const found = state.weight === 0 ? [] : this.#tracked;
    const spelled = inSpellingOf(
      found.map(({ name }) => `ema.${name}`),
      tensors,
    );
    const values = found.map(({ name, mean }) => {
      const saved = spelled.get(`ema.${name}`);
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
