import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arange, nn, PaperweightError, tensor, zeros } from '../../src/core.js';

const images = zeros([2, 4, 3, 3]);
const sequences = zeros([2, 4, 5]);
const tokens = zeros([2, 3, 6]);
const attention = new nn.MultiheadAttention(6, 2, { batchFirst: true });

describe('layers of the reading list refuse bad arguments', () => {
  const wrong: readonly (readonly [string, () => unknown, RegExp])[] = [
    ['GELU by a word', () => new nn.GELU({ approximate: 'erf' as never }), /'none' or 'tanh'.*"erf"/],
    ['Hardtanh upside down', () => new nn.Hardtanh(1, -1), /minVal below maxVal/],
    ['Softplus with beta 0', () => new nn.Softplus(0), /bad beta/],
    ['PReLU for other channels', () => new nn.PReLU(3).forward(images), /3 channels.*\[2, 4, 3, 3\]/],
    ['Softmax without a dimension', () => new nn.Softmax(undefined as never), /bad dim/],
    ['LayerNorm of nothing', () => new nn.LayerNorm([]), /bad normalizedShape/],
    [
      'LayerNorm of another size',
      () => new nn.LayerNorm(5).forward(tokens),
      /last axes are \[5\].*\[2, 3, 6\]/,
    ],
    ['GroupNorm with odd groups', () => new nn.GroupNorm(3, 4), /a divisor of 4/],
    ['GroupNorm of other channels', () => new nn.GroupNorm(2, 6).forward(images), /\[N, 6, …\]/],
    [
      'InstanceNorm2d of sequences',
      () => new nn.InstanceNorm2d(4).forward(sequences),
      /\[4, …\].*\[2, 4, 5\]/,
    ],
    [
      'InstanceNorm1d of one value',
      () => new nn.InstanceNorm1d(4).forward(zeros([2, 4, 1])),
      /at least 2 values/,
    ],
    ['BatchNorm1d of images', () => new nn.BatchNorm1d(4).forward(images), /BatchNorm2d for images/],
    ['Conv1d of images', () => new nn.Conv1d(4, 2, 3).forward(images), /\[N, C, L\]/],
    ['Conv1d with a pair', () => new nn.Conv1d(4, 2, [3, 3] as never), /bad kernelSize/],
    ['Conv1d in other groups', () => new nn.Conv1d(4, 2, 3, { groups: 3 }), /a divisor of 4 and 2/],
    [
      'ConvTranspose2d in snake case',
      () => new nn.ConvTranspose2d(4, 2, 3, { output_padding: 1 } as never),
      /outputPadding/,
    ],
    [
      'ConvTranspose2d with much output padding',
      () => new nn.ConvTranspose2d(4, 2, 3, { outputPadding: 1 }).forward(images),
      /smaller than the stride/,
    ],
    ['MaxPool1d of images', () => new nn.MaxPool1d(2).forward(images), /\[N, C, L\]/],
    ['Upsample to two sizes at once', () => new nn.Upsample({ size: 4, scaleFactor: 2 }), /got both/],
    [
      'Upsample bilinear of sequences',
      () => new nn.Upsample({ size: 4, mode: 'bilinear' }).forward(sequences),
      /4 dimensions/,
    ],
    ['Upsample nearest, corners', () => new nn.Upsample({ size: 4, alignCorners: true }), /no alignCorners/],
    ['PixelShuffle of odd channels', () => new nn.PixelShuffle(3).forward(images), /that 9 divides/],
    ['Unflatten to other sizes', () => new nn.Unflatten(1, [3, 2]).forward(images), /make 4 together/],
    ['Embedding of floats', () => new nn.Embedding(5, 2).forward(zeros([2])), /dtype: 'int32'/],
    ['Embedding with a padding outside', () => new nn.Embedding(5, 2, { paddingIdx: 5 }), /\[-5, 4\]/],
    ['LSTM of another size', () => new nn.LSTM(4, 3).forward(tokens), /\[T, N, 4\].*\[2, 3, 6\]/],
    [
      'LSTM with a state of its own kind',
      () => new nn.LSTM(6, 3).forward(tokens, zeros([1, 3, 3]) as never),
      /a pair \[h, c\]/,
    ],
    [
      'GRU with a state of another batch',
      () => new nn.GRU(6, 3).forward(tokens, zeros([1, 2, 3])),
      /state that does not fit.*\[1, 3, 3\].*\[1, 2, 3\]/,
    ],
    ['LSTM of no position', () => new nn.LSTM(6, 3).forward(zeros([0, 2, 6])), /at least one position/],
    [
      'RNN with another function',
      () => new nn.RNN(6, 3, { nonlinearity: 'sigmoid' as never }),
      /'tanh' or 'relu'/,
    ],
    [
      'LSTMCell of a sequence',
      () => new nn.LSTMCell(6, 3).forward(tokens),
      /\[N, 6\] or one of \[6\].*\[2, 3, 6\]/,
    ],
    [
      'GRUCell with a state of another batch',
      () => new nn.GRUCell(5, 3).forward(zeros([2, 5]), zeros([3, 3])),
      /state that does not fit.*\[2, 3\].*\[3, 3\]/,
    ],
    [
      'LSTMCell with one tensor as state',
      () => new nn.LSTMCell(5, 3).forward(zeros([2, 5]), zeros([2, 3]) as never),
      /a pair \[h, c\]/,
    ],
    [
      'RNNCell with another function',
      () => new nn.RNNCell(6, 3, { nonlinearity: 'sigmoid' as never }),
      /'tanh' or 'relu'/,
    ],
    [
      'LSTM with a wide projection',
      () => new nn.LSTM(6, 3, { projSize: 3 }),
      /bad projSize.*\[0, 2\]|bad projSize/,
    ],
    [
      'EmbeddingBag of a list without offsets',
      () => new nn.EmbeddingBag(5, 2).forward(arange(3)),
      /a list \[L\] with offsets.*\[3\] without/,
    ],
    [
      'EmbeddingBag with falling offsets',
      () => new nn.EmbeddingBag(5, 2).forward(arange(3), { offsets: [0, 2, 1] }),
      /rising order, from 0, of at most 3.*\[0, 2, 1\]/,
    ],
    [
      'EmbeddingBag with factors of a mean',
      () => new nn.EmbeddingBag(5, 2).forward(arange(3), { offsets: [0], perSampleWeights: zeros([3]) }),
      /the mode 'sum'/,
    ],
    ['LSTM with a chance of 1', () => new nn.LSTM(6, 3, { dropout: 1 }), /bad dropout/],
    ['attention with odd heads', () => new nn.MultiheadAttention(6, 4), /divides 6/],
    ['attention of another width', () => attention.forward(zeros([2, 3, 5]), tokens, tokens), /E = 6/],
    [
      'attention of two lengths',
      () => attention.forward(tokens, tokens, zeros([2, 4, 6])),
      /key and value \[N, S, E\]/,
    ],
    [
      'attention with a mask of another length',
      () =>
        attention.forward(tokens, tokens, tokens, { keyPaddingMask: tensor([[0, 1]], { dtype: 'int32' }) }),
      /keyPaddingMask that does not fit.*\[2, 3\]/,
    ],
    [
      'an encoder of another layer',
      () => new nn.TransformerEncoder(new nn.Linear(2, 2) as never, 2),
      /a TransformerEncoderLayer/,
    ],
    [
      'an encoder layer with an unknown activation',
      () => new nn.TransformerEncoderLayer(6, 2, { activation: 'swish' as never }),
      /'relu', 'gelu' or a function/,
    ],
    ['a layer of numbers', () => new nn.GELU().forward(3 as never), /computes on tensors/],
    ['a sum of positions', () => new nn.SiLU().forward(arange(3)), /toFloat/],
  ];
  for (const [name, act, message] of wrong)
    it(name, () => {
      assert.throws(act, (error: unknown) => {
        assert.ok(error instanceof PaperweightError, String(error));
        assert.match(error.message, message);
        return true;
      });
    });
});
