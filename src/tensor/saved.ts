import { shown } from '../errors/arguments.js';
import { DeviceError, ShapeError, UsageError } from '../errors/errors.js';
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

/** Values to load into a parameter: an array with its shape (from a file), or another model's parameter. */
export type SavedTensor = { readonly data: TypedArray; readonly shape: Shape } | Parameter;

/**
 * Checks that values are a typed array with as many elements as their shape.
 * @throws UsageError or ShapeError that contains the name
 */
export function checkSaved(name: string, saved: unknown): asserts saved is SavedTensor {
  if (saved instanceof Parameter) return;
  const { data, shape } = (saved ?? {}) as { data?: unknown; shape?: unknown };
  if (saved instanceof Tensor || !isTypedArray(data) || !isShape(shape))
    throw new UsageError({
      what: `${name} of the weights has no values to load`,
      expected: 'a parameter of another model, or { data, shape } with a typed array and a list of sizes',
      got: saved instanceof Tensor ? 'a tensor, whose values may not be computed yet' : shown(saved),
      next:
        saved instanceof Tensor
          ? 'pass { data: await tensor.data(), shape: tensor.shape }'
          : 'pass model.stateDict(), or the tensors of readWeights(file)',
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
 * @throws DeviceError if the two parameters are on different devices
 */
export function checkPlace(name: string, parameter: Parameter, saved: SavedTensor): void {
  if (!(saved instanceof Parameter) || !saved.device || !parameter.device) return;
  if (saved.device === parameter.device) return;
  throw new DeviceError({
    what: `${name} cannot be copied between two devices`,
    expected: 'both models on one device, or one of them on the host',
    got: `${saved.device.name} and ${parameter.device.name}`,
    next: 'load the weights before model.to(device), or move both models to one device first',
  });
}

/**
 * Overwrites a parameter. Values on a device are copied on that device, in the order of its queue: later changes of the
 * other model have no effect here. A parameter on the host moves to the device of the values.
 */
export function loadSaved(parameter: Parameter, saved: SavedTensor): void {
  if (saved === parameter) return;
  const values = makeArray(parameter.dtype, parameter.size);
  if (!(saved instanceof Parameter)) {
    values.set(saved.data);
    parameter.load(values);
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
  const { dtype } = parameter;
  const same = saved.dtype === dtype;
  queueUpdate([
    { parameter, value: same ? saved.node : ops.cast(saved.node, dtype as 'float32' | 'float64') },
  ]);
}
