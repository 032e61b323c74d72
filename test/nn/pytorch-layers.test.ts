import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as nn from '../../src/nn/index.js';
import { tensorsIn } from '../../src/nn/nested.js';
import { evaluate, type Tensor, tensor } from '../../src/tensor/tensor.js';
import '../../src/core.js';
import { fixture } from '../support/cases.js';
import { assertClose } from '../support/close.js';

interface Values {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface LayerCase {
  readonly name: string;
  readonly prints: string;
  readonly state: Readonly<Record<string, Values>>;
  readonly inputs: Readonly<Record<string, Values & { readonly dtype: 'float32' | 'int32' }>>;
  readonly outputs: readonly Values[];
  readonly gradOutputs: readonly Values[];
  readonly gradInputs: Readonly<Record<string, Values>>;
  readonly gradState: Readonly<Record<string, Values>>;
}
const { cases } = JSON.parse(readFileSync(fixture('layers.json'), 'utf8')) as { cases: LayerCase[] };

type Inputs = Readonly<Record<string, Tensor>>;
type Build = readonly [make: () => nn.Module<unknown>, call?: (module: never, inputs: Inputs) => unknown];

const both = { numLayers: 2, batchFirst: true, bidirectional: true };
const encoder = (more: nn.EncoderLayerOptions = {}) =>
  new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 8, dropout: 0, batchFirst: true, ...more });
const decoder = (more: nn.DecoderLayerOptions = {}) =>
  new nn.TransformerDecoderLayer(6, 2, { dimFeedforward: 8, dropout: 0, batchFirst: true, ...more });
const gated = (Kind: typeof nn.RNN | typeof nn.GRU): Record<string, Build> => ({
  [Kind.name]: [() => new Kind(3, 4)],
  [`${Kind.name}, two layers in both directions`]: [
    () => new Kind(3, 4, both),
    (m: nn.GRU, { x, h }) => m.forward(x!, h),
  ],
});

const BUILD: Readonly<Record<string, Build>> = {
  'Linear of sequences': [() => new nn.Linear(4, 3)],
  LayerNorm: [() => new nn.LayerNorm(5)],
  'LayerNorm of two axes': [() => new nn.LayerNorm([3, 4], { eps: 1e-3, elementwiseAffine: false })],
  GroupNorm: [() => new nn.GroupNorm(2, 4)],
  InstanceNorm2d: [() => new nn.InstanceNorm2d(3, { affine: true })],
  InstanceNorm1d: [() => new nn.InstanceNorm1d(3)],
  BatchNorm1d: [() => new nn.BatchNorm1d(3).train()],
  'BatchNorm1d of sequences': [() => new nn.BatchNorm1d(3).train()],
  'BatchNorm2d without weights': [() => new nn.BatchNorm2d(3, { affine: false }).train()],
  'BatchNorm2d without running statistics': [
    () => new nn.BatchNorm2d(3, { trackRunningStats: false }).eval(),
  ],
  'BatchNorm1d with neither': [
    () => new nn.BatchNorm1d(3, { affine: false, trackRunningStats: false }).eval(),
  ],
  'Conv1d of a circle': [() => new nn.Conv1d(2, 3, 4, { padding: 'same', paddingMode: 'circular' })],
  ...Object.fromEntries(
    (['reflect', 'replicate', 'circular'] as const).map((paddingMode): [string, Build] => [
      `Conv2d, padding mode ${paddingMode}`,
      [() => new nn.Conv2d(2, 3, [3, 2], { stride: 2, padding: [2, 1], bias: false, paddingMode })],
    ]),
  ),
  Conv1d: [() => new nn.Conv1d(4, 6, 3, { stride: 2, padding: 1, dilation: 2, groups: 2 })],
  'Conv1d, same size': [() => new nn.Conv1d(3, 2, 4, { padding: 'same' })],
  ConvTranspose2d: [
    () => new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
  ],
  MaxPool1d: [() => new nn.MaxPool1d(3, { stride: 2, padding: 1 })],
  AvgPool1d: [() => new nn.AvgPool1d(2, { stride: 1, padding: 1 })],
  AdaptiveAvgPool1d: [() => new nn.AdaptiveAvgPool1d(3)],
  'Upsample nearest': [() => new nn.Upsample({ scaleFactor: 2 })],
  'Upsample nearest by 1.7': [() => new nn.Upsample({ scaleFactor: 1.7 })],
  'Upsample nearest to 5 and 3': [() => new nn.Upsample({ size: [5, 3] })],
  'Upsample bilinear': [() => new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' })],
  'Upsample bilinear by 1.7': [() => new nn.Upsample({ scaleFactor: 1.7, mode: 'bilinear' })],
  'Upsample bilinear to 5 and 3': [() => new nn.Upsample({ size: [5, 3], mode: 'bilinear' })],
  'Upsample bilinear to its own width': [() => new nn.Upsample({ scaleFactor: [2, 1.3], mode: 'bilinear' })],
  'Upsample nearest by a bit more than 2': [() => new nn.Upsample({ scaleFactor: 2.1 })],
  'Upsample bilinear, corners': [
    () => new nn.Upsample({ size: [5, 7], mode: 'bilinear', alignCorners: true }),
  ],
  'Upsample linear': [() => new nn.Upsample({ size: 7, mode: 'linear' })],
  PixelShuffle: [() => new nn.PixelShuffle(2)],
  Unflatten: [() => new nn.Unflatten(1, [2, 3])],
  PReLU: [() => new nn.PReLU(3)],
  'PReLU of one weight': [() => new nn.PReLU()],
  GELU: [() => new nn.GELU({ approximate: 'tanh' })],
  Softplus: [() => new nn.Softplus(2, 1)],
  Softmax: [() => new nn.Softmax(1)],
  LogSoftmax: [() => new nn.LogSoftmax(0)],
  Embedding: [() => new nn.Embedding(5, 3, { paddingIdx: 1 })],
  ...gated(nn.RNN),
  ...gated(nn.GRU),
  LSTM: [() => new nn.LSTM(3, 4)],
  'LSTM, two layers in both directions': [
    () => new nn.LSTM(3, 4, both),
    (m: nn.LSTM, { x, h, c }) => m.forward(x!, [h!, c!]),
  ],
  'RNN with a rectifier': [() => new nn.RNN(3, 4, { nonlinearity: 'relu', bias: false })],
  'LSTM without a batch': [() => new nn.LSTM(3, 2)],
  'LSTM of padded sequences': [
    () => new nn.LSTM(3, 4, both),
    (m: nn.LSTM, { x, h, c }) => m.forward(x!, [h!, c!], { lengths: [4, 2, 3] }),
  ],
  'GRU of padded sequences': [
    () => new nn.GRU(3, 4, { bidirectional: true, bias: false }),
    (m: nn.GRU, { x }) => m.forward(x!, undefined, { lengths: tensor([1, 4], { dtype: 'int32' }) }),
  ],
  'RNN of padded sequences': [
    () => new nn.RNN(3, 4, { numLayers: 2 }),
    (m: nn.RNN, { x, h }) => m.forward(x!, h!, { lengths: [4, 1] }),
  ],
  'RNN of padded sequences with a rectifier': [
    () => new nn.RNN(3, 4, { nonlinearity: 'relu', bidirectional: true }),
    (m: nn.RNN, { x }) => m.forward(x!, undefined, { lengths: Int32Array.of(3, 4) }),
  ],
  MultiheadAttention: [
    () => new nn.MultiheadAttention(6, 2),
    (m: nn.MultiheadAttention, { x }) => m.forward(x!, x!, x!),
  ],
  'MultiheadAttention of another sequence': [
    () => new nn.MultiheadAttention(6, 3, { batchFirst: true, kdim: 4, vdim: 5 }),
    (m: nn.MultiheadAttention, { q, k, v }) => m.forward(q!, k!, v!, { averageAttnWeights: false }),
  ],
  'MultiheadAttention with masks': [
    () => new nn.MultiheadAttention(4, 2, { batchFirst: true, bias: false }),
    (m: nn.MultiheadAttention, { x, pad, mask }) =>
      m.forward(x!, x!, x!, { keyPaddingMask: pad!, attnMask: mask!, needWeights: false }),
  ],
  'MultiheadAttention without a batch': [
    () => new nn.MultiheadAttention(4, 2),
    (m: nn.MultiheadAttention, { q, k }) => m.forward(q!, k!, k!),
  ],
  TransformerEncoderLayer: [() => encoder()],
  'TransformerEncoderLayer that normalises first': [
    () => encoder({ normFirst: true, activation: 'gelu' }),
    (m: nn.TransformerEncoderLayer, { x, mask }) => m.forward(x!, { mask: mask! }),
  ],
  TransformerEncoder: [
    () => new nn.TransformerEncoder(encoder({ normFirst: true }), 2, { norm: new nn.LayerNorm(6) }),
    (m: nn.TransformerEncoder, { x }) => m.forward(x!, { isCausal: true }),
  ],
  RMSNorm: [() => new nn.RMSNorm(5)],
  'RMSNorm of two axes': [() => new nn.RMSNorm([3, 4], { eps: 1e-3, elementwiseAffine: false })],
  SELU: [() => new nn.SELU()],
  CELU: [() => new nn.CELU(0.7)],
  LogSigmoid: [() => new nn.LogSigmoid()],
  Softsign: [() => new nn.Softsign()],
  GLU: [() => new nn.GLU(1)],
  ZeroPad2d: [() => new nn.ZeroPad2d([1, 0, 2, -1])],
  ConstantPad2d: [() => new nn.ConstantPad2d(1, 0.5)],
  ReflectionPad2d: [() => new nn.ReflectionPad2d([1, 2, 0, 1])],
  ReplicationPad2d: [() => new nn.ReplicationPad2d(2)],
  CircularPad2d: [() => new nn.CircularPad2d([1, 2, 3, 0])],
  PixelUnshuffle: [() => new nn.PixelUnshuffle(2)],
  ConvTranspose1d: [
    () =>
      new nn.ConvTranspose1d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2, dilation: 2 }),
  ],
  'Dropout2d in evaluation': [() => new nn.Dropout2d(0.3).eval()],
  TransformerDecoderLayer: [
    () => decoder(),
    (m: nn.TransformerDecoderLayer, { x, memory, mask }) => m.forward(x!, memory!, { tgtMask: mask! }),
  ],
  'TransformerDecoderLayer that normalises first': [
    () => decoder({ normFirst: true, activation: 'gelu', bias: false }),
    (m: nn.TransformerDecoderLayer, { x, memory, mask, pad }) =>
      m.forward(x!, memory!, { memoryMask: mask!, memoryKeyPaddingMask: pad! }),
  ],
  TransformerDecoder: [
    () => new nn.TransformerDecoder(decoder({ normFirst: true }), 2, { norm: new nn.LayerNorm(6) }),
    (m: nn.TransformerDecoder, { x, memory }) => m.forward(x!, memory!),
  ],
  Transformer: [
    () =>
      new nn.Transformer({
        dModel: 4,
        nhead: 2,
        numEncoderLayers: 1,
        numDecoderLayers: 2,
        dimFeedforward: 6,
        dropout: 0,
      }),
    (m: nn.Transformer, { x, y }) => m.forward(x!, y!, { tgtIsCausal: true }),
  ],
  'LSTM with a projection': [
    () => new nn.LSTM(3, 4, { projSize: 2 }),
    (m: nn.LSTM, { x, h, c }) => m.forward(x!, [h!, c!]),
  ],
  'LSTM with a projection, two layers in both directions': [
    () => new nn.LSTM(3, 4, { ...both, bias: false, projSize: 3 }),
  ],
  'LSTM of padded sequences with a projection': [
    () => new nn.LSTM(3, 4, { bidirectional: true, projSize: 2 }),
    (m: nn.LSTM, { x }) => m.forward(x!, undefined, { lengths: [2, 4] }),
  ],
  AdaptiveMaxPool2d: [() => new nn.AdaptiveMaxPool2d([3, 2])],
  'AdaptiveMaxPool2d of whole bins': [() => new nn.AdaptiveMaxPool2d(2)],
  'AdaptiveMaxPool2d of more bins than pixels': [() => new nn.AdaptiveMaxPool2d([5, 3])],
  'AdaptiveMaxPool2d that keeps the width': [() => new nn.AdaptiveMaxPool2d([2, null])],
  AdaptiveMaxPool1d: [() => new nn.AdaptiveMaxPool1d(3)],
  'AdaptiveAvgPool2d that keeps the height': [() => new nn.AdaptiveAvgPool2d([null, 2])],
  'Conv2d of one image': [() => new nn.Conv2d(2, 4, 3, { padding: 1 })],
  'ConvTranspose2d of one image': [() => new nn.ConvTranspose2d(2, 3, 2, { stride: 2 })],
  'MaxPool2d of one image': [() => new nn.MaxPool2d(2)],
  'AvgPool2d of one image': [() => new nn.AvgPool2d(2)],
  'AdaptiveAvgPool2d of one image': [() => new nn.AdaptiveAvgPool2d(2)],
  'AdaptiveMaxPool2d of one image': [() => new nn.AdaptiveMaxPool2d(2)],
  'InstanceNorm2d of one image': [() => new nn.InstanceNorm2d(2)],
  'ReflectionPad2d of one image': [() => new nn.ReflectionPad2d(1)],
  'ZeroPad2d of one image': [() => new nn.ZeroPad2d(1)],
  'Conv1d of one sequence': [() => new nn.Conv1d(2, 4, 3, { padding: 1 })],
  'ConvTranspose1d of one sequence': [() => new nn.ConvTranspose1d(2, 3, 2, { stride: 2 })],
  'MaxPool1d of one sequence': [() => new nn.MaxPool1d(2)],
  'AvgPool1d of one sequence': [() => new nn.AvgPool1d(2)],
  'AdaptiveAvgPool1d of one sequence': [() => new nn.AdaptiveAvgPool1d(2)],
  'AdaptiveMaxPool1d of one sequence': [() => new nn.AdaptiveMaxPool1d(2)],
  'InstanceNorm1d of one sequence': [() => new nn.InstanceNorm1d(2)],
  'TransformerEncoderLayer of one sequence': [() => encoder()],
  Unfold: [() => new nn.Unfold([2, 3], { padding: 1, stride: [2, 1] })],
  'Unfold of one image': [() => new nn.Unfold(2)],
  Fold: [() => new nn.Fold([5, 4], [2, 3], { padding: 1, stride: [2, 1] })],
  'Fold of one image': [() => new nn.Fold([3, 4], 2)],
  CosineSimilarity: [
    () => new nn.CosineSimilarity({ dim: -1 }),
    (m: nn.CosineSimilarity, { x, y }) => m.forward(x!, y!),
  ],
  PairwiseDistance: [
    () => new nn.PairwiseDistance({ p: 3, keepDims: true }),
    (m: nn.PairwiseDistance, { x, y }) => m.forward(x!, y!),
  ],
  ...Object.fromEntries(
    (['mean', 'sum', 'max'] as const).flatMap((mode): [string, Build][] => {
      const bag = (paddingIdx?: number) =>
        new nn.EmbeddingBag(6, 3, { mode, ...(paddingIdx === undefined ? {} : { paddingIdx }) });
      const call = (m: nn.EmbeddingBag, { x, starts }: Inputs) => m.forward(x!, { offsets: starts! });
      return [
        [`EmbeddingBag, ${mode} of equal bags`, [() => bag(1)]],
        [`EmbeddingBag, ${mode} of a list`, [() => bag(), call]],
        [`EmbeddingBag, ${mode} of a list with padding`, [() => bag(4), call]],
      ];
    }),
  ),
  'EmbeddingBag with factors': [
    () => new nn.EmbeddingBag(6, 3, { mode: 'sum', includeLastOffset: true }),
    (m: nn.EmbeddingBag, { x, starts, w }) => m.forward(x!, { offsets: starts!, perSampleWeights: w! }),
  ],
  'EmbeddingBag with factors of equal bags': [
    () => new nn.EmbeddingBag(6, 3, { mode: 'sum', paddingIdx: 0 }),
    (m: nn.EmbeddingBag, { x, w }) => m.forward(x!, { perSampleWeights: w! }),
  ],
  RNNCell: [() => new nn.RNNCell(3, 4), (m: nn.RNNCell, { x, h }) => m.forward(x!, h)],
  'RNNCell with a rectifier, without biases': [
    () => new nn.RNNCell(3, 4, { bias: false, nonlinearity: 'relu' }),
  ],
  GRUCell: [() => new nn.GRUCell(3, 4), (m: nn.GRUCell, { x, y, h }) => m.forward(x!, m.forward(y!, h))],
  'GRUCell without biases': [
    () => new nn.GRUCell(3, 4, { bias: false }),
    (m: nn.GRUCell, { x, y }) => m.forward(x!, m.forward(y!)),
  ],
  'GRUCell of one sample': [() => new nn.GRUCell(3, 4), (m: nn.GRUCell, { x, h }) => m.forward(x!, h)],
  LSTMCell: [
    () => new nn.LSTMCell(3, 4),
    (m: nn.LSTMCell, { x, y, h, c }) => m.forward(x!, m.forward(y!, [h!, c!])),
  ],
  'LSTMCell of one sample, without biases': [
    () => new nn.LSTMCell(3, 4, { bias: false }),
    (m: nn.LSTMCell, { x, y }) => m.forward(x!, m.forward(y!)),
  ],
};

const read = ({ shape, data }: Values, requiresGrad = false): Tensor =>
  tensor(Float32Array.from(data), { shape, requiresGrad });

describe('layers give PyTorch’s numbers', () => {
  it('each of the cases', () => {
    assert.deepEqual(Object.keys(BUILD).sort(), cases.map(({ name }) => name).sort());
  });
  for (const given of cases)
    it(given.name, async () => {
      const [make, call = (m: nn.Module, { x }: Inputs) => m.forward(x!)] = BUILD[given.name]!;
      const module = make();
      // PyTorch's list of equal layers is a class of its own.
      if (!given.prints.includes('ModuleList'))
        assert.equal(printed(module.toString()), printed(given.prints));
      module.loadStateDict(
        new Map(
          Object.entries(given.state).map(([name, { shape, data }]) => [
            name,
            { shape, data: Float32Array.from(data) },
          ]),
        ),
      );
      const inputs = Object.fromEntries(
        Object.entries(given.inputs).map(([name, value]) => [
          name,
          value.dtype === 'int32'
            ? tensor(Int32Array.from(value.data), { shape: value.shape })
            : read(value, true),
        ]),
      );
      const outputs = tensorsIn(call(module as never, inputs));
      assert.deepEqual(
        outputs.map(({ shape }) => shape),
        given.outputs.map(({ shape }) => shape),
      );
      outputs
        .map((output, i) => output.mul(read(given.gradOutputs[i]!)).sum())
        .reduce((a, b) => a.add(b))
        .backward();
      const close = async (actual: Tensor, expected: Values, what: string) =>
        assertClose((await evaluate(actual))[0]!, expected.data, { rtol: 2e-4, atol: 2e-5 }, what);
      for (const [i, output] of outputs.entries()) await close(output, given.outputs[i]!, `output ${i}`);
      for (const [name, grad] of Object.entries(given.gradInputs))
        await close(inputs[name]!.grad!, grad, `gradient of ${name}`);
      const parameters = new Map(module.namedParameters());
      assert.deepEqual([...parameters.keys()], Object.keys(given.gradState));
      for (const [name, grad] of Object.entries(given.gradState))
        await close(parameters.get(name)!.grad ?? parameters.get(name)!.mul(0), grad, `gradient of ${name}`);
    });
});

/** PyTorch names a subclass of its Linear, and its newest version prints the bias of batch norm. */
const printed = (text: string): string =>
  text
    .replaceAll('NonDynamicallyQuantizableLinear', 'Linear')
    .replaceAll('p=0.0', 'p=0')
    .replace(/(BatchNorm.*), bias=(?:True|False)/, '$1');
