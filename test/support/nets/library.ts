import { nn, ops, Tensor, tensor, zeros } from '../../../src/core.js';

const { Conv2d, ConvTranspose2d, Linear, Sequential } = nn;

/** Layers on images beside those of `everyLayer`: [N, 3, 16, 16] → [N, 4]. */
export const imageLayers = (): nn.Sequential =>
  new Sequential(
    new Conv2d(3, 8, 4, { stride: 2, padding: 'valid' }),
    new nn.GroupNorm(2, 8),
    new nn.GELU(),
    new ConvTranspose2d(8, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    new nn.InstanceNorm2d(6, { affine: true }),
    new nn.Hardswish(),
    new nn.Upsample({ size: [9, 7], mode: 'bilinear' }),
    new nn.ELU(0.7),
    new nn.Upsample({ scaleFactor: 2 }),
    new Conv2d(6, 8, 3, { padding: 'same' }),
    new nn.PixelShuffle(2),
    new nn.Mish(),
    new nn.PReLU(2),
    new nn.ReLU6(),
    new nn.GELU({ approximate: 'tanh' }),
    new nn.AdaptiveAvgPool2d(3),
    new nn.Flatten(),
    new nn.Unflatten(1, [6, 3]),
    new nn.Conv1d(6, 4, 2),
    new nn.BatchNorm1d(4),
    new nn.MaxPool1d(2),
    new nn.Hardsigmoid(),
    new nn.Flatten(),
    new nn.SiLU(),
    new Linear(4, 4),
    new nn.LogSoftmax(-1),
  );

/** Patches as a sequence for a transformer, an LSTM and a GRU, and what picks and orders: [N, 3, 16, 16] → [N, 9]. */
export class SequenceLayers extends nn.Module {
  readonly patches = new Conv2d(3, 12, 4, { stride: 4 });
  readonly token = new nn.Linear(12, 1, { bias: false });
  readonly encoder = new nn.TransformerEncoder(
    new nn.TransformerEncoderLayer(12, 3, {
      dimFeedforward: 16,
      batchFirst: true,
      normFirst: true,
      activation: 'gelu',
    }),
    2,
    { norm: new nn.LayerNorm(12) },
  );
  readonly lstm = new nn.LSTM(12, 5, { batchFirst: true, bidirectional: true });
  readonly gru = new nn.GRU(10, 5);
  readonly head = new Linear(12, 4);

  forward(x: Tensor): Tensor {
    const patches = this.patches.forward(x).flatten(2).transpose(1, 2);
    const first = this.token.weight.reshape(1, 1, 12).expand(x.shape[0]!, -1, -1);
    const tokens = this.encoder.forward(new Tensor(ops.concat([first.node, patches.node], 1)), {
      isCausal: true,
    });
    const [read] = this.lstm.forward(tokens);
    const [, state] = this.gru.forward(read.transpose(0, 1));
    const best = tokens.select(1, -1).topk(3).values;
    const padded = nn.functional.pad(best.cumsum(1), [1, 0]).slice(1, 0, 2);
    const parts = [this.head.forward(tokens.select(1, 0)), state.squeeze(0).narrow(1, 0, 3), padded];
    return new Tensor(
      ops.concat(
        parts.map(({ node }) => node),
        1,
      ),
    );
  }
}

/** Sums of values by class, at constant and computed positions: [N, 3, 16, 16] → [N, 6]. */
export class Histogram extends nn.Module {
  forward(x: Tensor): Tensor {
    const values = x.flatten(1).narrow(1, 0, 12);
    const [n, length] = values.shape as [number, number];
    const each = (count: number, of: (i: number) => number): Tensor =>
      tensor(
        Int32Array.from({ length: n * count }, (_, i) => of(i % count)),
        { shape: [n, count] },
      );
    const best = values.narrow(1, 0, 5).argmax(1).unsqueeze(1);
    const sums = zeros([n, 5])
      .scatterAdd(
        1,
        each(length, (i) => (7 * i) % 5),
        values,
      )
      // More values than positions: the others are ignored.
      .scatterAdd(
        1,
        each(2, () => 4),
        values,
      )
      .scatterAdd(1, best, values.square());
    const bytes = new Tensor(ops.roundToByte(ops.scaleBy(values.node, 100)));
    return new Tensor(ops.concat([sums.node, bytes.sum(1, true).node], 1));
  }
}
