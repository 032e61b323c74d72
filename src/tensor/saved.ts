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
import { flushPending } from './pending.js';
import { Parameter, Tensor, update } from './tensor.js';

/** Values to put into a parameter: an array with its shape, as files have them, or another model's parameter. */
export type SavedTensor = { readonly data: TypedArray; readonly shape: Shape } | Parameter;

/**
 * Checks that values are values and as many as their shape says.
 * @throws UsageError or ShapeError that names them
 */
export function checkSaved(name: string, saved: unknown): asserts saved is SavedTensor {
  if (saved instanceof Parameter) return;
  const { data, shape } = (saved ?? {}) as { data?: unknown; shape?: unknown };
  if (saved instanceof Tensor || !isTypedArray(data) || !isShape(shape))
    throw new UsageError({
      what: `${name} of the weights is not the values of a parameter`,
      expected: 'a parameter of another model, or { data, shape } with a typed array and a list of sizes',
      got: saved instanceof Tensor ? 'a tensor' : typeof saved,
      next: 'pass model.stateDict(), or the tensors of readWeights(file)',
    });
  if (data.length !== sizeOf(shape))
    throw new ShapeError({
      what: `${name} of the weights is not whole`,
      expected: `${sizeOf(shape)} values for ${showShape(shape)}`,
      got: `${data.length} values`,
    });
}

/**
 * Says why values cannot be taken over now; to be asked of all before any is written.
 * @throws DeviceError for two parameters on two devices
 */
export function checkPlace(name: string, parameter: Parameter, saved: SavedTensor): void {
  if (!(saved instanceof Parameter) || !saved.device || !parameter.device) return;
  if (saved.device === parameter.device) return;
  throw new DeviceError({
    what: `${name} cannot be copied from one device to another at once`,
    expected: 'both models on one device, or one of them on none',
    got: `${saved.device.name} and ${parameter.device.name}`,
    next: 'load the weights before model.to(device), or bring both models to one device first',
  });
}

/**
 * Overwrites a parameter. Values that are on a device are copied there, in the order of its work: what happens to the
 * other model later changes nothing here. A parameter that is on no device yet is then on that one.
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
  // On the host until now, so that the values are on the device when the call returns.
  if (!parameter.storage) void parameter.place(saved.device!);
  const { dtype } = parameter;
  const same = saved.dtype === dtype;
  update([{ parameter, value: same ? saved.node : ops.cast(saved.node, dtype as 'float32' | 'float64') }]);
}
