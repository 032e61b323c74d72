import type { World } from '../../distributed/index.js';
import { checkOptionNames, shown } from '../../errors/arguments.js';
import { ShapeError, UsageError } from '../../errors/errors.js';
import { isFloat, showShape } from '../../graph/types.js';
import type { Module } from '../../nn/module.js';
import { clipGradNorm, clipGradValue } from '../../optim/clip.js';
import { finiteGuard } from '../../optim/finite.js';
import type { Optimizer } from '../../optim/optimizer.js';
import type { TrainConfig } from '../../run/config.js';
import type { Parameter } from '../../tensor/parameter.js';
import { mapPending } from '../../tensor/pending.js';
import { Tensor } from '../../tensor/tensor.js';
import { Accumulator, type GradientSums, PairedAccumulator } from '../accumulate.js';
import type { Probe } from '../insight/probe.js';
import type { Method, UpdateOptions } from './method.js';

/** An update whose run is queued on the device. */
export interface QueuedUpdate {
  readonly loss: Tensor;
  /** NaN or infinite if the loss or any gradient is, of this update or of an earlier one of the same batch. */
  readonly guard: Tensor;
  readonly correct: Tensor | undefined;
  readonly metrics: Readonly<Record<string, Tensor>>;
  /** Global norm of the gradients before clipping, if they are clipped by norm. */
  readonly norm: Tensor | undefined;
  /** Reverts the optimizer's bookkeeping; undefined if the run only accumulates gradients. */
  readonly undo: (() => void) | undefined;
}

/** The values of an update that the device computes. */
type Values = Pick<QueuedUpdate, 'loss' | 'guard' | 'correct' | 'metrics'>;

/** The place of a batch in its step. */
export interface Place {
  /** The share of this process in the samples of the step: the weight of its mean loss. */
  readonly share: number;
  /** Its share in the samples of the batch; 1 for a run in a single process. */
  readonly own: number;
  /** Index of the batch in the step, from 0; of the block, for batches in blocks. */
  readonly at: number;
  /** The last batch of the step, which updates the weights. */
  readonly last: boolean;
}

interface Parts {
  readonly config: TrainConfig;
  readonly model: Module;
  readonly method: Method;
  readonly probe: Probe;
  readonly world?: World | undefined;
}

/** The name of a metric, as it appears in files and on pages. */
const NAME = /^[A-Za-z][\w .()/-]{0,59}$/;

/** Queues the updates of the batches of a run. */
export class Updates {
  readonly #parts: Parts;
  readonly #sums = new Map<Optimizer, GradientSums>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /**
   * Begins a batch.
   * @param squares receives the sums of squares of the gradients, for a step with an insight
   */
  begin(place: Place, squares: [string, Tensor][] | undefined) {
    const queued: QueuedUpdate[] = [];
    let open = true;
    const update = (loss: Tensor, options: UpdateOptions = {}): void => {
      if (!open)
        throw new UsageError({
          what: 'update() was called after its step had ended',
          expected: 'calls within the step',
          got: 'a later one',
          next: 'await what the step starts, or return its promise',
        });
      checkOptionNames('update()', options, ['optimizer', 'metrics', 'correct']);
      const twice = queued.flatMap(({ metrics }) => Object.keys(metrics)).find(isIn(options.metrics));
      if (twice !== undefined)
        throw new UsageError({
          what: `update() got the metric ${twice} twice in a step`,
          expected: 'another name in each update',
          got: twice,
          next: 'give it another name, or log it once',
        });
      queued.push(this.#queue(loss, options, place, queued.at(-1)?.guard, squares));
    };
    const end = (): QueuedUpdate[] => {
      open = false;
      if (queued.length > 0) return queued;
      throw new UsageError({
        what: 'The step has made no update',
        expected: 'at least one update(loss)',
        got: 'none',
        next: 'call context.update with the loss of the batch',
      });
    };
    return { update, end };
  }

  #queue(
    loss: Tensor,
    options: UpdateOptions,
    place: Place,
    before: Tensor | undefined,
    squares: [string, Tensor][] | undefined,
  ): QueuedUpdate {
    const { config, model, method, probe, world } = this.#parts;
    const { share, own: part, at, last } = place;
    const paired = config.blocks !== undefined;
    const { metrics = {}, correct } = options;
    checkRecord('update() got bad metrics', metrics, 'scalars by name');
    const optimizer = optimizerOf(method, options.optimizer);
    checkScalar('update() got a bad loss', loss, true);
    for (const [name, metric] of Object.entries(metrics)) {
      checkName('update()', name, ['loss', 'lr']);
      checkScalar(`update() got a bad metric ${name}`, metric, false);
    }
    const own = optimizer.paramGroups.flatMap(({ parameters }) => parameters);
    const all = new Set<Parameter>([...model.parameters(), ...own]);
    for (const parameter of all) parameter.grad = null;
    (share === 1 ? loss : loss.mul(share)).backward();
    if (paired) checkBlock(own, before !== undefined);
    for (const parameter of all) if (!own.includes(parameter)) parameter.grad = null;
    const grads = own.flatMap(({ grad }) => grad ?? []);
    if (grads.length === 0)
      throw new UsageError({
        what: `update() found no gradient for ${options.optimizer ?? 'the optimizer'}`,
        expected: 'a loss that depends on its parameters',
        got: 'a loss of other parameters alone',
        next: 'name the optimizer whose parameters the loss should change',
      });
    const shared = this.#everywhere({ loss, correct, metrics, guard: finiteGuard(loss, grads) }, part);
    const common = { ...shared, guard: before ? shared.guard.add(before) : shared.guard };
    const outputs = [
      common.loss,
      ...(common.correct ? [common.correct] : []),
      ...Object.values(common.metrics),
    ];
    const { guard } = common;
    const sums = this.#sumsOf(optimizer);
    if (!last) {
      sums.add(own, at, { outputs, guard });
      return { ...common, norm: undefined, undo: undefined };
    }
    if (at > 0) sums.total(own, at);
    world?.addUp(own, part, { wire: config.wire, accumulated: at > 0, paired });
    const found = squares ? probe.gradientSquares() : [];
    squares?.push(...found);
    const norm = config.clipNorm === undefined ? undefined : clipGradNorm(own, config.clipNorm);
    if (config.clipValue !== undefined) clipGradValue(own, config.clipValue);
    const compute = [...outputs, ...(norm ? [norm] : []), ...found.map(([, square]) => square)];
    optimizer.step({ compute, guard });
    return { ...common, norm, undo: () => optimizer.undo() };
  }

  /**
   * The values of an update over all ranks: means of the loss and metrics, sums of the guard and of correct
   * predictions. Of a batch in blocks they are what its blocks contribute to them.
   * @param part share of this rank, or of this block, in the samples of the batch
   */
  #everywhere(values: Values, part: number): Values {
    const { world } = this.#parts;
    if (!world && part === 1) return values;
    const { loss, correct, metrics, guard } = values;
    const names = Object.keys(metrics);
    const scaled = [loss, ...Object.values(metrics)].map((mean) => mean.mul(part));
    // Ranks with parts of one model have all counted the same predictions.
    const weight = world?.split ? part : Number(part > 0);
    const counted = correct && (weight === 1 ? correct : correct.mul(weight));
    const own = [guard, ...scaled, ...(counted ? [counted] : [])];
    const [sum, mean, ...rest] = (world?.sums(own, 'the loss') ?? own) as [Tensor, Tensor, ...Tensor[]];
    return {
      guard: sum,
      loss: mean,
      metrics: Object.fromEntries(names.map((name, i) => [name, rest[i]!])),
      correct: counted ? rest.at(-1) : undefined,
    };
  }

  #sumsOf(optimizer: Optimizer): GradientSums {
    let sums = this.#sums.get(optimizer);
    if (!sums) {
      sums = this.#parts.config.blocks === undefined ? new Accumulator() : new PairedAccumulator();
      this.#sums.set(optimizer, sums);
    }
    return sums;
  }
}

/**
 * Checks that the blocks of a batch can be computed one after another, as if there were a rank for each of them.
 * @param again whether the block has made an update before
 */
function checkBlock(parameters: readonly Parameter[], again: boolean): void {
  const refuse = (expected: string, got: string): never => {
    throw new UsageError({
      what: '--blocks is not possible with this network',
      expected,
      got,
      next: 'leave --blocks out',
    });
  };
  if (again)
    refuse('one update in a step', 'a second one, which would depend on the first one of all blocks');
  for (const device of new Set(parameters.flatMap(({ device: one }) => one ?? [])))
    mapPending(device, () =>
      refuse('layers that keep no statistics of batches', 'batch normalisation, or another such layer'),
    );
}

const isIn =
  (metrics: UpdateOptions['metrics']) =>
  (name: string): boolean =>
    Object.hasOwn(metrics ?? {}, name);

function optimizerOf({ optimizers }: Method, name: string | undefined): Optimizer {
  const names = Object.keys(optimizers);
  if (name === undefined && names.length === 1) return optimizers[names[0]!]!;
  if (name !== undefined && Object.hasOwn(optimizers, name)) return optimizers[name]!;
  throw new UsageError({
    what:
      name === undefined
        ? 'update() does not say which optimizer'
        : 'update() names no optimizer of the paper',
    expected: `{ optimizer } of ${names.join(', ')}`,
    got: name === undefined ? 'none' : shown(name),
  });
}

/**
 * @param reserved names that the trainer itself logs
 * @throws UsageError for a metric that files and pages cannot name
 */
export function checkName(owner: string, name: string, reserved: readonly string[] = []): void {
  if (reserved.includes(name))
    throw new UsageError({
      what: `${owner} got a metric with a reserved name`,
      expected: `other names than ${reserved.join(' and ')}, which are logged for each step`,
      got: name,
      next: 'give it another name',
    });
  if (NAME.test(name)) return;
  throw new UsageError({
    what: `${owner} got a bad name of a metric`,
    expected:
      'a letter first, then letters, digits, spaces, dots, hyphens, brackets or slashes; 60 characters at most',
    got: shown(name),
  });
}

/** @throws UsageError for anything but a record, such as a forgotten return */
export function checkRecord(what: string, value: unknown, expected: string): void {
  const isRecord =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Tensor) &&
    !(value instanceof Promise);
  if (!isRecord) throw new UsageError({ what, expected, got: shown(value) });
}

/** @throws UsageError or ShapeError for anything but a scalar */
export function checkScalar(what: string, value: unknown, differentiable: boolean): asserts value is Tensor {
  const expected = `a ${differentiable ? 'floating-point ' : ''}tensor of one element`;
  if (!(value instanceof Tensor)) throw new UsageError({ what, expected, got: shown(value) });
  if (value.size !== 1 || (differentiable && !isFloat(value.dtype)))
    throw new ShapeError({
      what,
      expected,
      got: `${value.dtype} ${showShape(value.shape)}`,
      next: 'reduce it with mean() or sum() first',
    });
}
