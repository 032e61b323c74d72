from torch import nn
from torch.nn import functional as F


def unit(c_in, c_out, kernel, stride=1, groups=1):
    return [
        nn.Conv2d(c_in, c_out, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out),
        nn.ReLU6(),
    ]


class Inverted(nn.Module):
    def __init__(self, c_in, c_out, stride, expand):
        super().__init__()
        hidden = c_in * expand
        self.residual = stride == 1 and c_in == c_out
        self.layers = nn.Sequential(
            *([] if expand == 1 else unit(c_in, hidden, 1)),
            *unit(hidden, hidden, 3, stride, hidden),
            nn.Conv2d(hidden, c_out, 1, bias=False),
            nn.BatchNorm2d(c_out),
        )

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


# Expansion, channels, blocks, first stride: table 2 of arXiv:1801.04381, with two strides fewer for 32 x 32.
TABLE = [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        blocks, c_in = [], 32
        for expand, c_out, count, stride in TABLE:
            for i in range(count):
                blocks.append(Inverted(c_in, c_out, stride if i == 0 else 1, expand))
                c_in = c_out
        self.features = nn.Sequential(*unit(3, 32, 3), *blocks, *unit(320, 1280, 1))
        self.classifier = nn.Linear(1280, 10)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


mobilenetV2 = dict(
    batch=64,
    inputs=lambda n: [((n, 3, 32, 32), None), ((n,), 10)],
    build=MobileNetV2,
    loss=lambda model, x, y: F.cross_entropy(model(x), y),
)
