import torch
from torch import nn
from torch.nn import functional as F

SYMBOLS, LENGTH, WIDTH, HEADS, LAYERS = 64, 64, 128, 4, 4


class Gpt(nn.Module):
    """A causal transformer whose output layer shares the embedding's weights."""

    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(SYMBOLS, WIDTH)
        self.positions = nn.Embedding(LENGTH, WIDTH)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                WIDTH, HEADS, 4 * WIDTH, dropout=0, activation="gelu", batch_first=True, norm_first=True
            )
            for _ in range(LAYERS)
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(LENGTH))
        for layer in self.layers:
            x = layer(x, self.mask, is_causal=True)
        return self.norm(x) @ self.tokens.weight.T


gpt = dict(
    batch=64,
    inputs=lambda n: [((n, LENGTH), SYMBOLS), ((n * LENGTH,), SYMBOLS)],
    build=Gpt,
    loss=lambda model, ids, target: F.cross_entropy(model(ids).flatten(0, 1), target),
)
