import { type Node, scalarLeaf } from '../../graph/node.js';
import { sizeOf } from '../../graph/types.js';
import { equal } from '../binary.js';
import { naming, need } from '../operation.js';
import { indexSelect, where } from '../select.js';
import { reshape } from '../shape.js';
import { cast, detach } from '../unary.js';

/**
 * Rows of a table: […] → […, D].
 *
 * @param index int32, each in [0, rows); one out of range is an error when the graph runs
 * @param table [rows, D]
 * @param paddingIndex a row that gets no gradient
 */
export function embedding(index: Node, table: Node, paddingIndex?: number): Node {
  naming('embedding', [index, table], () => {
    need(index.dtype === 'int32', 'an index of type int32', index.dtype, "make it with dtype: 'int32'");
    need(table.shape.length === 2, 'a table [rows, D]', table.shape);
  });
  const flat = reshape(index, [sizeOf(index.shape)]);
  const rows = indexSelect(table, flat, 0);
  const shape = [...index.shape, table.shape[1]!];
  if (paddingIndex === undefined) return reshape(rows, shape);
  // Exact in float32: no table has 16 million rows.
  const padding = scalarLeaf(paddingIndex, table.dtype);
  const isPadding = reshape(equal(cast(flat, table.dtype), padding), [flat.shape[0]!, 1]);
  return reshape(where(isPadding, detach(rows), rows), shape);
}
