import type { Node } from '../../graph/node.js';
import { define, floatOf, type NodeMaker, normalizeAxis } from '../operation.js';
import { areIntegers, integerCumsum } from './integers.js';

type CumsumAttrs = { readonly axis: number; readonly reverse: boolean };

const cumsumOp: NodeMaker<CumsumAttrs> = define<CumsumAttrs>({
  name: 'cumsum',
  infer: ([x]) => ({ shape: x!.shape, dtype: floatOf(x) }),
  gradient: ({ attrs }, grad) => {
    const { axis, reverse } = attrs as CumsumAttrs;
    return [cumsumOp([grad], { axis, reverse: !reverse })];
  },
});

/** Sums of the elements up to and including each position of an axis, or from each position on. */
export const cumsum = (x: Node, axis: number, reverse = false): Node =>
  areIntegers(x)
    ? integerCumsum(x, axis, reverse)
    : cumsumOp([x], { axis: normalizeAxis('cumsum', x, axis), reverse });
