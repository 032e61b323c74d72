import { UsageError } from '../errors/errors.js';
import { makeArray } from '../graph/types.js';
import { Parameter } from '../tensor/parameter.js';

/** Zeros of a parameter's shape on its device, which steps can update. @throws UsageError if the parameter is on the host */
export function zeroState(parameter: Parameter): Parameter {
  const device = parameter.storage?.device;
  if (!device)
    throw new UsageError({
      what: `A parameter [${parameter.shape.join(', ')}] is not on a device`,
      expected: 'await model.to(device) first',
      got: 'values on the host',
    });
  const zeros = makeArray(parameter.dtype, parameter.size);
  const made = new Parameter(zeros, parameter.shape, { trainable: false });
  // The new parameter is on the host, so place() is complete when the call returns.
  void made.place(device);
  return made;
}
