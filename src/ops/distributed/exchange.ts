import { isInteger } from '../../errors/arguments.js';
import { type Node, scalarLeaf } from '../../graph/node.js';
import { type DType, sizeOf } from '../../graph/types.js';
import { define, floatOf, type NodeMaker, need } from '../operation.js';
import { where } from '../select.js';

/*
 * Exchanges between ranks: processes that compute the same graph on different data, on one machine or on many. Their
 * number is an attribute, since shapes depend on it. On one rank all of them are the identity. Every rank has to
 * compute the same exchanges in the same order.
 */

type Ranks = { readonly ranks: number };

const checkRanks = ({ ranks }: Ranks): void =>
  need(isInteger(ranks, 1), 'at least one rank', () => String(ranks));

const allReduceOp: NodeMaker<Ranks> = define<Ranks>({
  name: 'allReduce',
  infer: ([x], attrs) => {
    checkRanks(attrs);
    return { shape: x!.shape, dtype: floatOf(x) };
  },
  // The gradient of the sum of all ranks' losses.
  gradient: ({ attrs }, grad) => [allReduce(grad, attrs.ranks as number)],
});

/** The sum of all ranks' values, on every rank: added in the order of ranks, with one rounding at the end. */
export const allReduce = (x: Node, ranks: number): Node => allReduceOp([x], { ranks });

type Rooted = Ranks & { readonly rank: number; readonly root: number };

const broadcastFromOp: NodeMaker<Rooted> = define<Rooted>({
  name: 'broadcastFrom',
  infer: ([x], attrs) => {
    checkRanks(attrs);
    for (const one of [attrs.rank, attrs.root])
      need(
        Number.isInteger(one) && one >= 0 && one < attrs.ranks,
        () => `a rank below ${attrs.ranks}`,
        () => String(one),
      );
    return { shape: x!.shape, dtype: floatOf(x) };
  },
  // The values come from the root, so it gets the sum of all gradients. Other ranks take part in the exchange, and
  // their gradient is 0.
  gradient: ({ attrs }, grad) => {
    const sum = allReduce(grad, attrs.ranks as number);
    if (attrs.rank === attrs.root) return [sum];
    const zero = scalarLeaf(0, grad.dtype);
    return [where(zero, sum, zero)];
  },
});

/** The values of the rank `root`, on every rank. @param ranks.rank this rank */
export const broadcastFrom = (x: Node, ranks: Rooted): Node => broadcastFromOp([x], ranks);

const allGatherOp: NodeMaker<Ranks> = define<Ranks>({
  name: 'allGather',
  infer: ([x], attrs) => {
    checkRanks(attrs);
    need(x!.shape.length > 0, 'at least one dimension', 'a scalar');
    return { shape: [x!.shape[0]! * attrs.ranks, ...x!.shape.slice(1)], dtype: floatOf(x) };
  },
  gradient: ({ attrs }, grad) => [reduceScatter(grad, attrs.ranks as number)],
});

/** The values of all ranks, one after the other along the first dimension. All ranks have the same shape. */
export const allGather = (x: Node, ranks: number): Node => allGatherOp([x], { ranks });

const reduceScatterOp: NodeMaker<Ranks> = define<Ranks>({
  name: 'reduceScatter',
  infer: ([x], attrs) => {
    checkRanks(attrs);
    need(
      x!.shape.length > 0 && x!.shape[0]! % attrs.ranks === 0,
      () => `a first dimension that ${attrs.ranks} ranks divide`,
      () => `[${x!.shape.join(', ')}]`,
    );
    return { shape: [x!.shape[0]! / attrs.ranks, ...x!.shape.slice(1)], dtype: floatOf(x) };
  },
  gradient: ({ attrs }, grad) => [allGather(grad, attrs.ranks as number)],
});

/** This rank's part, along the first dimension, of the sum of all ranks' values. */
export const reduceScatter = (x: Node, ranks: number): Node => reduceScatterOp([x], { ranks });

/**
 * - `wire`: number type in which float32 values are sent.
 * - `label`: names the values in messages.
 * - `scale`: factor of the sums.
 * - `even`: all ranks compute the same number of images, so that their devices choose the same memory layouts.
 * - `paired`: neighbours are added first, then pairs of these, each rounded, instead of the order of ranks.
 */
export type Started = Ranks & {
  readonly wire: string;
  readonly label: string;
  readonly scale: number;
  readonly even: boolean;
  readonly paired: boolean;
};

const sumStart: NodeMaker<Started> = define<Started>({
  name: 'sumStart',
  infer: (inputs, attrs) => {
    checkRanks(attrs);
    floatOf(...inputs);
    need(attrs.wire === 'float32' || attrs.wire === 'bfloat16', 'float32 or bfloat16 on the way', attrs.wire);
    return { shape: [1], dtype: 'int32' };
  },
});

type Ended = Ranks & { readonly at: number; readonly shape: readonly number[]; readonly dtype: string };

const sumEnd: NodeMaker<Ended> = define<Ended>({
  name: 'sumEnd',
  infer: ([ticket], { shape, dtype }) => {
    need(ticket!.dtype === 'int32', 'the result of sumStart', ticket!.dtype);
    return { shape, dtype: dtype as DType };
  },
});

/**
 * The sums of several values over all ranks, as one exchange that runs while other nodes are computed: it starts when
 * all values are ready, and the first sum waits for it. Sums have no gradients.
 */
export function sumTogether(
  values: readonly Node[],
  options: Omit<Started, 'scale' | 'even' | 'paired'> & Partial<Started>,
): Node[] {
  const { ranks, wire, label, scale = 1, even = false, paired = false } = options;
  const ticket = sumStart(values, { ranks, wire, label, scale, even, paired });
  let at = 0;
  return values.map(({ shape, dtype }) => {
    const sum = sumEnd([ticket], { ranks, at, shape, dtype });
    at += sizeOf(shape);
    return sum;
  });
}

/** Operations that start an exchange with other ranks. */
export const EXCHANGES: ReadonlySet<string> = new Set([
  'allReduce',
  'broadcastFrom',
  'allGather',
  'reduceScatter',
  'sumStart',
]);
