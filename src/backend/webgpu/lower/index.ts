import { DeviceError } from '../../../errors/errors.js';
import { sizeOf } from '../../../graph/types.js';
import { EXCHANGES } from '../../../ops/distributed/exchange.js';
import { type Lowering, type Lowerings, lowerNode } from '../../plan/lower.js';
import type { WebGpuBuilder } from '../builder.js';
import { lowerCluster } from './cluster.js';
import { lowerConv2d, lowerConv2dGradInput, lowerConv2dGradWeight } from './conv.js';
import { emitElements } from './emit.js';
import { lowerInteger, lowerIntegerCumsum, lowerIntegerReduce } from './integers.js';
import {
  lowerLeftMatmul,
  lowerLinear,
  lowerLinearGradInput,
  lowerLinearGradWeight,
  lowerMatmul,
} from './matrix.js';
import {
  lowerChannelRow,
  lowerChannelRows,
  lowerChannelStats,
  lowerChannelSums,
  lowerElement,
  lowerLrn,
  lowerLrnGrad,
  lowerNormalizeRows,
  lowerNormalizeRowsGrad,
} from './norm.js';
import { lowerArgmax, lowerArgsort, lowerChannelAffine, lowerCumsum, lowerDropoutMask } from './order.js';
import {
  lowerAdaptivePool,
  lowerAdaptivePoolGrad,
  lowerAvgPool,
  lowerAvgPoolGrad,
  lowerMaxPool,
  lowerMaxPoolGrad,
} from './pool.js';
import { lowerRecurrent, lowerRecurrentGrad, lowerRecurrentGradStart } from './recurrent.js';
import {
  lowerCrossEntropy,
  lowerCrossEntropyGrad,
  lowerLogSoftmax,
  lowerSoftmax,
  lowerTopKCorrect,
} from './rows.js';
import {
  lowerBroadcast,
  lowerCast,
  lowerConcat,
  lowerCrop,
  lowerFlip,
  lowerGather,
  lowerIndexSelect,
  lowerIndexSelectGrad,
  lowerNegateOffsets,
  lowerOneHot,
  lowerPermute,
  lowerPlace,
  lowerScatterSum,
  lowerSlice,
  lowerWhere,
} from './select.js';

const kernels: Readonly<Record<string, (b: WebGpuBuilder, i: number) => void>> = {
  conv2d: lowerConv2d,
  conv2dGradInput: lowerConv2dGradInput,
  conv2dGradWeight: lowerConv2dGradWeight,
  matmul: lowerMatmul,
  leftMatmul: lowerLeftMatmul,
  linear: lowerLinear,
  linearGradInput: lowerLinearGradInput,
  linearGradWeight: lowerLinearGradWeight,
  maxPool2d: lowerMaxPool,
  maxPool2dGrad: lowerMaxPoolGrad,
  avgPool2d: lowerAvgPool,
  avgPool2dGrad: lowerAvgPoolGrad,
  adaptiveAvgPool2d: lowerAdaptivePool,
  adaptiveAvgPool2dGrad: lowerAdaptivePoolGrad,
  localResponseNorm: lowerLrn,
  localResponseNormGrad: lowerLrnGrad,
  channelStats: lowerChannelStats,
  channelSums: lowerChannelSums,
  channelRow: lowerChannelRow,
  channelRows: lowerChannelRows,
  element: lowerElement,
  normalizeRows: lowerNormalizeRows,
  normalizeRowsGrad: lowerNormalizeRowsGrad,
  softmax: lowerSoftmax,
  logSoftmax: lowerLogSoftmax,
  crossEntropy: lowerCrossEntropy,
  crossEntropyGrad: lowerCrossEntropyGrad,
  topKCorrect: lowerTopKCorrect,
  permute: lowerPermute,
  broadcastTo: lowerBroadcast,
  where: lowerWhere,
  concat: lowerConcat,
  slice: lowerSlice,
  place: lowerPlace,
  indexSelect: lowerIndexSelect,
  indexSelectGrad: lowerIndexSelectGrad,
  gather: lowerGather,
  scatterSum: lowerScatterSum,
  oneHot: lowerOneHot,
  crop: lowerCrop,
  flip: lowerFlip,
  negateOffsets: lowerNegateOffsets,
  cast: lowerCast,
  argmax: lowerArgmax,
  argsort: lowerArgsort,
  cumsum: lowerCumsum,
  integer: lowerInteger,
  integerReduce: lowerIntegerReduce,
  integerCumsum: lowerIntegerCumsum,
  dropoutMask: lowerDropoutMask,
  channelAffine: lowerChannelAffine,
  recurrent: lowerRecurrent,
  recurrentGrad: lowerRecurrentGrad,
  recurrentGradStart: lowerRecurrentGradStart,
};

/** Kernels that take numbers as inputs, too; elementwise operations are clusters. */
const withNumbers: typeof kernels = {
  'crossEntropy*': lowerCrossEntropy,
  'crossEntropyGrad*': lowerCrossEntropyGrad,
  'dropoutMask*': lowerDropoutMask,
  'slice*': lowerSlice,
  'place*': lowerPlace,
};

const lowerings: Lowerings<WebGpuBuilder> = {
  operations: Object.fromEntries(
    Object.entries({ ...kernels, ...withNumbers }).map(([op, kernel]): [string, Lowering<WebGpuBuilder>] => [
      op,
      (b, i) => {
        kernel(b, i);
        return true;
      },
    ]),
  ),
  cluster: (b, cluster) => {
    if (sizeOf(b.node(cluster.nodes.at(-1)!).shape) === 0) return false;
    lowerCluster(b, cluster);
    return true;
  },
  scripted: lowerWithoutKernel,
};

/** Adds the steps that compute a node. */
export const lower = (b: WebGpuBuilder, i: number): void => lowerNode(b, i, lowerings);

/** A result without elements, or an exchange. @throws DeviceError for any other operation */
function lowerWithoutKernel(b: WebGpuBuilder, i: number): void {
  const { op, scope, shape } = b.node(i);
  if (sizeOf(shape) === 0) b.define(i, b.newValue(i));
  else if (EXCHANGES.has(op) || op === 'sumEnd') lowerExchange(b, i);
  else
    throw new DeviceError({
      what: `Operation ${op}${scope ? ` in ${scope}` : ''} cannot run on device "webgpu"`,
      expected: 'a kernel for it',
      got: 'none',
      next: 'add one in src/backend/webgpu/lower',
    });
}

/** An exchange with other ranks: the values are read back, and this thread waits for the others. */
function lowerExchange(b: WebGpuBuilder, i: number): void {
  const { inputs, op, attrs, scope } = b.node(i);
  if (attrs.ranks === 1 && op !== 'sumStart' && op !== 'sumEnd') {
    emitElements(b, i, { value: 'return in0(i);' });
    return;
  }
  const output = b.newValue(i);
  const values = inputs.map((input) => b.value(input));
  b.emit({
    op,
    scope,
    kernel: 'typescript',
    macs: 0,
    touches: [...new Set([...values, output].map(({ region }) => region))],
    writes: false,
    host: { node: i, inputs: values, output },
  });
  b.define(i, output);
}
