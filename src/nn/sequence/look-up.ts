import type { Node } from '../../graph/node.js';
import { sizeOf } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import type { Parameter } from '../../tensor/parameter.js';
import { limited, limitInPlace, type MaxNorm } from './max-norm.js';

/**
 * Rows of a table, of limited norm if there is a limit: […] of int32 → […, D].
 *
 * @param writes whether rows above the limit are scaled in the table too, as in training
 */
export function lookUp(
  table: Parameter,
  index: Node,
  { paddingIdx, ...limits }: MaxNorm & { readonly paddingIdx: number | undefined },
  writes: boolean,
): Node {
  if (limits.maxNorm === undefined) return ops.embedding(index, table.node, paddingIdx);
  const rows = ops.embedding(index, table.stored, paddingIdx);
  if (writes) limitInPlace(table, index, limits);
  return ops.reshape(
    limited(ops.reshape(rows, [sizeOf(index.shape), rows.shape.at(-1)!]), limits),
    rows.shape,
  );
}
