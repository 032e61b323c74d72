import { UsageError } from '../errors/errors.js';
import { type Node, scalarLeaf } from '../graph/node.js';
import { isFloat } from '../graph/types.js';
import * as ops from '../ops/index.js';

/** The largest integer up to which float32 has all integers. */
const MOST = 2 ** 24;

/**
 * The two sides of a comparison. Tensors of integers are compared as int32, also with a number that is an int32.
 * @throws UsageError for another number beside integers that are known and beyond what float32 can tell apart
 */
export function compared(method: string, node: Node, other: Node | number): readonly [Node, Node] {
  if (isFloat(node.dtype)) return [node, typeof other === 'number' ? scalarLeaf(other, node.dtype) : other];
  if (typeof other !== 'number') return isFloat(other.dtype) ? [node, other] : [whole(node), whole(other)];
  return (other | 0) === other
    ? [whole(node), scalarLeaf(other, 'int32')]
    : [asFloat(method, node), scalarLeaf(other)];
}

const whole = (node: Node): Node => ops.cast(node, 'int32');

function asFloat(method: string, node: Node): Node {
  const known = node.value ?? (node.source?.kind === 'host' ? node.source.data : undefined);
  const large = node.dtype === 'int32' ? known?.find((value) => Math.abs(value) > MOST) : undefined;
  if (large !== undefined)
    throw new UsageError({
      what: `${method}() compares integers as float32 with a number that is no int32, and float32 does not have all integers beyond 2^24`,
      expected: `integers from −${MOST} to ${MOST}`,
      got: String(large),
    });
  return ops.cast(node, 'float32');
}
