import { checkNumber } from '../../errors/arguments.js';
import { type Node, scalarLeaf } from '../../graph/node.js';
import { sizeOf } from '../../graph/types.js';
import * as ops from '../../ops/index.js';
import type { Parameter } from '../../tensor/parameter.js';

/** Limits of the norms of a table's rows. */
export interface MaxNorm {
  /** Rows whose norm is larger are scaled to this norm when they are looked up. */
  maxNorm?: number;
  /** The p of the norm; 2 by default. */
  normType?: number;
}

/** @throws UsageError for a limit that is not valid */
export function checkMaxNorm(owner: string, { maxNorm, normType }: MaxNorm): void {
  if (maxNorm !== undefined)
    checkNumber(owner, 'maxNorm', maxNorm, { least: 0, expected: 'a number of at least 0' });
  if (normType === undefined || normType === Number.POSITIVE_INFINITY) return;
  checkNumber(owner, 'normType', normType, { least: 0, expected: 'a number of at least 0, or Infinity' });
}

/** Rows [n, D] of at most this norm. The gradient passes unchanged, as that of rows that were scaled before. */
export function limited(rows: Node, { maxNorm, normType = 2 }: MaxNorm, chosen?: Node): Node {
  const scalar = (value: number): Node => scalarLeaf(value, rows.dtype);
  const most = scalar(maxNorm!);
  const norms = ops.norm(rows, normType, [1], true);
  // PyTorch divides by a little more than the norm.
  const factor = ops.div(most, ops.affine(norms, { scale: 1, shift: 1e-7 }));
  const larger = ops.less(most, norms);
  const scaled = ops.where(chosen ? ops.mul(larger, chosen) : larger, factor, scalar(1));
  return ops.custom('maxNorm', ops.mul(rows, scaled), [rows], (_, grad) => [grad]);
}

/** Lookups without a step after which the rows are written, to limit what is kept. */
const MOST_LOOKUPS = 4096;

/** What has been looked up in a table since its values were last written. */
const lookups = new WeakMap<Parameter, { readonly stored: Node; readonly indices: Node[] }>();

/**
 * Scales the rows of a table that an index names in the table itself, with the next update of the table. A table on the
 * host keeps its values.
 */
export function limitInPlace(table: Parameter, index: Node, limits: MaxNorm): void {
  if (!table.storage) return;
  if ((lookups.get(table)?.indices.length ?? 0) >= MOST_LOOKUPS) table.settle();
  const { stored } = table;
  const known = lookups.get(table);
  const looked = known?.stored === stored ? known : { stored, indices: [] };
  lookups.set(table, looked);
  looked.indices.push(ops.reshape(index, [sizeOf(index.shape)]));
  table.alter(() => {
    const all = ops.concat(looked.indices);
    const none = ops.broadcastTo(scalarLeaf(0, stored.dtype), [stored.shape[0]!]);
    const ones = ops.broadcastTo(scalarLeaf(1, stored.dtype), all.shape);
    const count = ops.scatterAdd(none, 0, all, ones);
    const chosen = ops.unsqueeze(ops.less(scalarLeaf(0, stored.dtype), count), 1);
    return limited(stored, limits, chosen);
  });
}
