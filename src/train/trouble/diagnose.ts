import type { DataLoader } from '../../data/loader.js';
import type { CrossEntropyLoss } from '../../nn/loss.js';
import type { Module } from '../../nn/module.js';
import { watching } from '../../nn/watch.js';
import * as ops from '../../ops/index.js';
import { takePending } from '../../tensor/pending.js';
import { randomState, setRandomState } from '../../tensor/random.js';
import { evaluate, Tensor } from '../../tensor/tensor.js';
import type { QueuedBatch } from '../step.js';

interface Parts {
  readonly model: Module;
  readonly loader: DataLoader;
  readonly criterion: CrossEntropyLoss;
}

/** Something that may hold numbers that are not finite, and how to say so. */
type Suspect = readonly [what: string, value: Tensor];

/**
 * Runs a batch once more and looks where the first number is that is not finite: the images, the model's own
 * values, each layer's output in the order of their calls, the loss, then the gradients from the last layer back.
 *
 * Nothing in the model or in the random state is changed.
 *
 * @returns such as `features.3 (Conv2d): its output has 12 infinities`; undefined where all is finite this time
 */
export async function diagnose(
  { model, loader, criterion }: Parts,
  { batch, epoch, random }: QueuedBatch,
): Promise<string | undefined> {
  const now = randomState();
  setRandomState(random);
  const suspects: Suspect[] = [];
  try {
    const [inputs, labels] = loader.tensors(batch, epoch);
    suspects.push(['the images of the batch have', inputs]);
    for (const [name, parameter] of model.stateDict()) suspects.push([`${name} has`, parameter]);
    const logits = watching(
      model.namedModules().filter(([, module]) => module.children().length === 0),
      (name, module, _inputs, output) =>
        suspects.push([`${name} (${module.constructor.name}): its output has`, output]),
      () => model.forward(inputs),
    );
    const loss = criterion.forward(logits, labels);
    suspects.push(['the loss is', loss]);
    const named = model.namedParameters();
    for (const [, parameter] of named) parameter.grad = null;
    loss.backward();
    for (const [name, parameter] of named.reverse()) {
      if (parameter.grad) suspects.push([`${name}: its gradient has`, parameter.grad]);
      parameter.grad = null;
    }
  } finally {
    setRandomState(now);
    // Running statistics of this look are not the run's.
    const storage = model.parameters()[0]?.storage;
    if (storage) takePending(storage.device);
  }
  return firstBad(suspects, 'numbers whose squares overflow');
}

/** The first of a model's and its optimizer's tensors that has a number that is not finite, if any. */
export const badTensor = (tensors: Iterable<readonly [string, Tensor]>): Promise<string | undefined> =>
  firstBad([...tensors].map(([name, value]) => [`${name} has`, value]));

/** @param overflow what to call numbers that are finite, but whose squares are not; left out, they are none of it */
async function firstBad(suspects: readonly Suspect[], overflow = ''): Promise<string | undefined> {
  const squares = suspects.map(([, { node }]) => new Tensor(ops.sumOfSquares(node)));
  const values = await evaluate(...squares);
  for (const [i, [what, value]] of suspects.entries()) {
    if (Number.isFinite(values[i]![0])) continue;
    const found = count(await value.data()) || overflow;
    if (found) return `${what} ${found}`;
  }
  return undefined;
}

/** 12 infinities and 3 NaN */
function count(values: ArrayLike<number>): string {
  let [nan, infinite] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!)) nan++;
    else if (!Number.isFinite(values[i]!)) infinite++;
  }
  const infinities = infinite === 1 ? '1 infinity' : `${infinite} infinities`;
  const found = [...(infinite > 0 ? [infinities] : []), ...(nan > 0 ? [`${nan} NaN`] : [])];
  return found.join(' and ');
}
