import type { IntegerFold, IntegerKind } from '../../../ops/math/integers.js';
import {
  addRow,
  binary,
  equalRow,
  lessRow,
  maximumRow,
  minimumRow,
  type Row,
  subRow,
} from './elementwise.js';
import type { Kernel } from './kernel.js';
import { order } from './order.js';
import { reduce, smallest } from './reduce.js';

/* Sums and differences are exact in float64, and stored modulo 2^32. */

const mulRow: Row = (a, aAt, aStep, b, bAt, bStep, y, at, n) => {
  for (const end = at + n; at < end; at++, aAt += aStep, bAt += bStep) y[at] = Math.imul(a[aAt]!, b[bAt]!);
};

const PAIRS: Readonly<Record<IntegerKind, Kernel>> = {
  add: binary(addRow),
  sub: binary(subRow),
  mul: binary(mulRow),
  maximum: binary(maximumRow),
  minimum: binary(minimumRow),
  equal: binary(equalRow),
  less: binary(lessRow),
};
const FOLDS: Readonly<Record<IntegerFold, Kernel>> = { sum: reduce.sum!, max: reduce.max!, min: smallest };

export const integers: Readonly<Record<string, Kernel>> = {
  integer: (call) => PAIRS[call.attrs.kind as IntegerKind](call),
  integerReduce: (call) => FOLDS[call.attrs.kind as IntegerFold](call),
  integerCumsum: order.cumsum!,
};
