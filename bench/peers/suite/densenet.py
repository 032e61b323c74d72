import torch
from torch import nn
from torch.nn import functional as F

GROWTH = 12


class Layer(nn.Module):
    """Batch norm, ReLU and a convolution twice (arXiv:1608.06993, DenseNet-B)."""

    def __init__(self, c_in):
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(c_in),
            nn.ReLU(),
            nn.Conv2d(c_in, 4 * GROWTH, 1, bias=False),
            nn.BatchNorm2d(4 * GROWTH),
            nn.ReLU(),
            nn.Conv2d(4 * GROWTH, GROWTH, 3, padding=1, bias=False),
        )

    def forward(self, x):
        return torch.cat([x, self.layers(x)], 1)


class DenseNet(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        layers, channels = [nn.Conv2d(3, 2 * GROWTH, 3, padding=1, bias=False)], 2 * GROWTH
        for b, count in enumerate(blocks):
            for _ in range(count):
                layers.append(Layer(channels))
                channels += GROWTH
            if b < len(blocks) - 1:
                layers += [nn.BatchNorm2d(channels), nn.ReLU()]
                layers += [nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
                channels //= 2
        self.features = nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU())
        self.classifier = nn.Linear(channels, 10)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


densenet = dict(
    batch=64,
    inputs=lambda n: [((n, 3, 32, 32), None), ((n,), 10)],
    build=lambda: DenseNet([6, 6, 6]),
    loss=lambda model, x, y: F.cross_entropy(model(x), y),
)
