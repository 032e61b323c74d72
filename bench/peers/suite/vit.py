import torch
from torch import nn
from torch.nn import functional as F

WIDTH, HEADS, LAYERS, PATCH = 96, 4, 4, 4
PATCHES = (32 // PATCH) ** 2


class ViT(nn.Module):
    """arXiv:2010.11929."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.cls = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.positions = nn.Parameter(torch.zeros(1, PATCHES + 1, WIDTH))
        self.layers = nn.Sequential(
            *(
                nn.TransformerEncoderLayer(
                    WIDTH, HEADS, 4 * WIDTH, dropout=0, activation="gelu", batch_first=True, norm_first=True
                )
                for _ in range(LAYERS)
            )
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), 1, WIDTH), tokens], 1) + self.positions
        return self.head(self.norm(self.layers(x))[:, 0])


vit = dict(
    batch=64,
    inputs=lambda n: [((n, 3, 32, 32), None), ((n,), 10)],
    build=ViT,
    loss=lambda model, x, y: F.cross_entropy(model(x), y),
)
