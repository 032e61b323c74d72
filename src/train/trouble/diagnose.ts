import type { World } from '../../distributed/index.js';
import { counted } from '../../errors/counted.js';
import { isFloat } from '../../graph/types.js';
import type { Module } from '../../nn/module.js';
import { watching } from '../../nn/watch.js';
import * as ops from '../../ops/index.js';
import { takePending } from '../../tensor/pending.js';
import { randomState, setRandomState, withRows } from '../../tensor/random.js';
import { evaluate, Tensor } from '../../tensor/tensor.js';
import { contextOf } from '../method/context.js';
import type { Method } from '../method/method.js';
import { floatsIn } from '../method/tensors-in.js';
import type { Feed, QueuedBatch } from '../steps/step.js';

interface Parts {
  readonly model: Module;
  readonly feed: Feed;
  readonly method: Method;
  readonly seed: number;
  /** Several ranks, which all repeat their parts of the batch. */
  readonly world?: World | undefined;
}

/** A tensor that may have NaN or infinity, with its description. */
type Suspect = readonly [what: string, value: Tensor];

/**
 * Repeats a batch and finds the first tensor with NaN or infinity, in this order: the batch, the model's parameters and
 * buffers, the output of each layer in the order of their calls, the loss, the gradients from the last layer back.
 *
 * Changes neither the model nor the random state.
 *
 * @returns such as `features.3 (Conv2d): its output has 12 infinities`; undefined if all values are finite this time
 */
export async function diagnose(
  { model, feed, method, seed, world }: Parts,
  { loaded, epoch, random }: QueuedBatch,
): Promise<string | undefined> {
  const now = randomState();
  setRandomState(random);
  const suspects: Suspect[] = [];
  try {
    const { batch, tensors } = loaded;
    const values = tensors();
    const what = 'images' in batch ? 'the images of the batch have' : 'the batch has';
    for (const tensor of floatsIn(values)) suspects.push([what, tensor]);
    for (const [name, parameter] of model.stateDict()) suspects.push([`${name} has`, parameter]);
    const named = model.namedParameters();
    let updates = 0;
    const update = (loss: Tensor): void => {
      updates++;
      suspects.push([updates === 1 ? 'the loss has' : `the loss of update ${updates} has`, loss]);
      for (const [, parameter] of named) parameter.grad = null;
      loss.backward();
      for (const [name, parameter] of named.toReversed()) {
        if (parameter.grad) suspects.push([`${name}: its gradient has`, parameter.grad]);
        parameter.grad = null;
      }
    };
    const context = contextOf({ batch, epoch, batches: feed.length, seed });
    await watching(
      model.namedModules().filter(([, module]) => module.children().length === 0),
      (name, module, _inputs, output) => {
        for (const tensor of floatsIn(output))
          suspects.push([`${name} (${module.constructor.name}): its output has`, tensor]);
      },
      () => withRows(batch.rows, () => method.step(values, { ...context, update })),
    );
  } finally {
    setRandomState(now);
    // Restore the running statistics, which the repeated batch has changed.
    const storage = model.parameters()[0]?.storage;
    if (storage) takePending(storage.device);
  }
  return firstBad(suspects, 'numbers whose squares overflow', world !== undefined);
}

/** Finds the first tensor of a model or its optimizer with NaN or infinity, if any. */
export const badTensor = (tensors: Iterable<readonly [string, Tensor]>): Promise<string | undefined> =>
  firstBad([...tensors].map(([name, value]) => [`${name} has`, value]));

/** @param overflow description of finite values whose squares overflow; if empty, they are not reported */
async function firstBad(
  tensors: readonly Suspect[],
  overflow = '',
  isShared = false,
): Promise<string | undefined> {
  // Integers are always finite.
  const suspects = tensors.filter(([, { dtype }]) => isFloat(dtype));
  const squares = suspects.map(([, { node }]) => new Tensor(ops.sumOfSquares(node)));
  const values = await evaluate(...squares);
  for (const [i, [what, value]] of suspects.entries()) {
    if (Number.isFinite(values[i]![0])) continue;
    // Computing a value may need exchanges with other ranks, which do not compute it.
    const found = isShared ? 'NaN or infinity' : count(await value.data()) || overflow;
    if (found) return `${what} ${found}`;
  }
  return undefined;
}

/** Such as "12 infinities and 3 NaN". */
function count(values: ArrayLike<number>): string {
  let [nan, infinite] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (Number.isNaN(values[i]!)) nan++;
    else if (!Number.isFinite(values[i]!)) infinite++;
  }
  const found = [
    ...(infinite > 0 ? [counted(infinite, 'infinity', 'infinities')] : []),
    ...(nan > 0 ? [`${nan} NaN`] : []),
  ];
  return found.join(' and ');
}
