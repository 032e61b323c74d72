import type { Device } from '../backend/backend.js';
import { shown } from '../errors/arguments.js';
import { DeviceError, ShapeError, UsageError } from '../errors/errors.js';
import { reachable } from '../graph/graph.js';
import type { Node } from '../graph/node.js';
import {
  isShape,
  isTypedArray,
  makeArray,
  type Shape,
  showShape,
  sizeOf,
  type TypedArray,
} from '../graph/types.js';
import * as ops from '../ops/index.js';
import { Parameter, queueUpdate } from './parameter.js';
import { flushPending } from './pending.js';
import { Tensor } from './tensor.js';

/** Values to load into a parameter: an array with its shape (from a file), another model's parameter, or a tensor. */
export type SavedTensor = { readonly data: TypedArray; readonly shape: Shape } | Tensor;

const knownOf = ({ node }: Tensor): TypedArray | undefined =>
  node.value ?? (node.source?.kind === 'host' ? node.source.data : undefined);

/**
 * Checks that values are a typed array with as many elements as their shape.
 * @throws UsageError or ShapeError that contains the name
 */
export function checkSaved(name: string, saved: unknown): asserts saved is SavedTensor {
  if (saved instanceof Tensor) return;
  const { data, shape } = (saved ?? {}) as { data?: unknown; shape?: unknown };
  if (!isTypedArray(data) || !isShape(shape))
    throw new UsageError({
      what: `${name} of the weights has no values to load`,
      expected: 'a parameter of another model, or { data, shape } with a typed array and a list of sizes',
      got: shown(saved),
      next: 'pass model.stateDict(), or the tensors of readWeights(file)',
    });
  if (data.length !== sizeOf(shape))
    throw new ShapeError({
      what: `${name} of the weights has the wrong number of values`,
      expected: `${sizeOf(shape)} values for ${showShape(shape)}`,
      got: `${data.length} values`,
    });
}

/**
 * Checks that values can be copied into a parameter; called for all parameters before any is written.
 * @throws DeviceError if the two parameters are on different devices, or if a tensor that is not computed yet is to be
 *   loaded on the host
 */
export function checkPlace(name: string, parameter: Parameter, saved: SavedTensor): void {
  if (!(saved instanceof Tensor)) return;
  if (!(saved instanceof Parameter)) {
    if (!knownOf(saved)) checkComputed(name, parameter, saved);
    return;
  }
  if (!saved.device || !parameter.device || saved.device === parameter.device) return;
  throw new DeviceError({
    what: `${name} cannot be copied between two devices`,
    expected: 'both models on one device, or one of them on the host',
    got: `${saved.device.name} and ${parameter.device.name}`,
    next: 'load the weights before model.to(device), or move both models to one device first',
  });
}

/** @throws DeviceError unless a tensor can be computed where the parameter is */
function checkComputed(name: string, { device }: Parameter, { node }: Tensor): void {
  const others = reachable([node]).flatMap(({ source }) =>
    source?.kind === 'storage' && source.storage.device !== device ? [source.storage.device as Device] : [],
  );
  if (device && others.length === 0) return;
  throw new DeviceError({
    what: `${name} of the weights is a tensor that is not computed yet`,
    expected: 'one that is computed on the device of the model',
    got: device ? `one on ${others[0]!.name}` : 'a model on the host',
    next: 'read it with await tensor.data() first',
  });
}

const isComputed = (saved: SavedTensor): saved is Tensor =>
  saved instanceof Tensor && !(saved instanceof Parameter) && !knownOf(saved);

/** Overwrites parameters; tensors that are not computed yet are computed from the values before. */
export function loadAll(changes: readonly { parameter: Parameter; tensor: SavedTensor }[]): void {
  loadComputed(changes.filter((change): change is Computed => isComputed(change.tensor)));
  for (const { parameter, tensor } of changes) if (!isComputed(tensor)) loadSaved(parameter, tensor);
}

interface Computed {
  readonly parameter: Parameter;
  readonly tensor: Tensor;
}

/** Overwrites parameters in one run with tensors that it computes. */
function loadComputed(changes: readonly Computed[]): void {
  if (changes.length > 0)
    queueUpdate(changes.map(({ parameter, tensor }) => ({ parameter, value: inTypeOf(parameter, tensor) })));
}

const inTypeOf = ({ dtype }: Parameter, { node }: Tensor): Node =>
  node.dtype === dtype ? node : ops.cast(node, dtype as 'float32' | 'float64');

/**
 * Overwrites a parameter. Values on a device are copied on that device, in the order of its queue: later changes of the
 * other model have no effect here. A parameter on the host moves to the device of the values.
 */
export function loadSaved(parameter: Parameter, saved: SavedTensor): void {
  if (saved === parameter) return;
  const values = makeArray(parameter.dtype, parameter.size);
  const data =
    saved instanceof Tensor ? (saved instanceof Parameter ? undefined : knownOf(saved)) : saved.data;
  if (data) {
    values.set(data);
    parameter.load(values);
    return;
  }
  if (!(saved instanceof Parameter)) {
    loadComputed([{ parameter, tensor: saved as Tensor }]);
    return;
  }
  flushPending([saved]);
  const { source } = saved.node;
  if (source?.kind === 'host') {
    values.set(source.data);
    parameter.load(values);
    return;
  }
  // The parameter is on the host, so place() is complete when the call returns.
  if (!parameter.storage) void parameter.place(saved.device!);
  loadComputed([{ parameter, tensor: saved }]);
}
