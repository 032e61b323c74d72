import { hostLeaf, type Node, scalarLeaf } from '../../graph/node.js';
import { naming, need } from '../operation.js';
import { where } from '../select.js';

/** The elements of matrices for which `keeps(column − row)` is true, else 0. */
function banded(name: string, x: Node, keeps: (across: number) => boolean): Node {
  naming(name, [x], () => need(x.shape.length >= 2, 'matrices', x.shape));
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const mask = new Int32Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) mask[i * columns + j] = keeps(j - i) ? 1 : 0;
  return where(hostLeaf(mask, [rows, columns], 'int32'), x, scalarLeaf(0, x.dtype));
}

/** The lower triangle of matrices, 0 elsewhere; `diagonal` moves its edge to the right. */
export const tril = (x: Node, diagonal = 0): Node => banded('tril', x, (across) => across <= diagonal);
/** The upper triangle of matrices, 0 elsewhere; `diagonal` moves its edge to the right. */
export const triu = (x: Node, diagonal = 0): Node => banded('triu', x, (across) => across >= diagonal);

/** x where the mask is 0, else the value. */
export const maskedFill = (x: Node, mask: Node, value: number): Node =>
  where(mask, scalarLeaf(value, x.dtype), x);
