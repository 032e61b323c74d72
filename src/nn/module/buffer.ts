import { shown } from '../../errors/arguments.js';
import { UsageError } from '../../errors/errors.js';
import { Parameter } from '../../tensor/parameter.js';
import { Tensor } from '../../tensor/tensor.js';

/** A buffer with the values of a tensor; a parameter that is one already stays as it is. */
export function bufferOf(value: unknown): Parameter {
  if (value instanceof Parameter && value.isBuffer) return value;
  const { node } = value instanceof Tensor ? value : { node: undefined };
  const data = node?.value ?? (node?.source?.kind === 'host' ? node.source.data : undefined);
  if (node && data) return new Parameter(data.slice(), node.shape, { trainable: false, dtype: node.dtype });
  throw new UsageError({
    what: 'registerBuffer takes a tensor of known values',
    expected: 'zeros([3]), tensor(…), or a Parameter with trainable: false',
    got: node ? 'a tensor that has not been computed' : shown(value),
    ...(node ? { next: 'await its data() and make a tensor of that' } : {}),
  });
}
