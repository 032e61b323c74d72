import torch
from torch import nn
from torch.nn import functional as F


def conv(c_in, c_out, kernel):
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, padding=(kernel - 1) // 2), nn.ReLU())


class Inception(nn.Module):
    """to: channels of the 1x1 branch, before and in the 3x3 branch, before and in the 5x5 branch, after pooling"""

    def __init__(self, c_in, to):
        super().__init__()
        self.branches = nn.ModuleList(
            [
                conv(c_in, to[0], 1),
                nn.Sequential(conv(c_in, to[1], 1), conv(to[1], to[2], 3)),
                nn.Sequential(conv(c_in, to[3], 1), conv(to[3], to[4], 5)),
                nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), conv(c_in, to[5], 1)),
            ]
        )

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def auxiliary(c_in):
    return nn.Sequential(conv(c_in, 128, 1), nn.Flatten(), nn.Linear(2048, 256), nn.ReLU(), nn.Linear(256, 10))


class GoogLeNet(nn.Module):
    """arXiv:1409.4842 with a stem for 32 x 32 images, without dropout. Returns the logits of all three classifiers."""

    def __init__(self):
        super().__init__()
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stem = nn.Sequential(conv(3, 64, 3), self.pool, conv(64, 64, 1), conv(64, 192, 3), self.pool)
        self.a3 = Inception(192, [64, 96, 128, 16, 32, 32])
        self.b3 = Inception(256, [128, 128, 192, 32, 96, 64])
        self.a4 = Inception(480, [192, 96, 208, 16, 48, 64])
        self.b4 = Inception(512, [160, 112, 224, 24, 64, 64])
        self.c4 = Inception(512, [128, 128, 256, 24, 64, 64])
        self.d4 = Inception(512, [112, 144, 288, 32, 64, 64])
        self.e4 = Inception(528, [256, 160, 320, 32, 128, 128])
        self.a5 = Inception(832, [256, 160, 320, 32, 128, 128])
        self.b5 = Inception(832, [384, 192, 384, 48, 128, 128])
        self.first = auxiliary(512)
        self.second = auxiliary(528)
        self.fc = nn.Linear(1024, 10)

    def forward(self, x):
        four = self.a4(self.pool(self.b3(self.a3(self.stem(x)))))
        seven = self.d4(self.c4(self.b4(four)))
        last = self.b5(self.a5(self.pool(self.e4(seven))))
        return self.fc(last.mean((2, 3))), self.first(four), self.second(seven)


def loss(model, x, y):
    main, first, second = (F.cross_entropy(logits, y) for logits in model(x))
    return main + 0.3 * (first + second)


googlenet = dict(
    batch=64,
    inputs=lambda n: [((n, 3, 32, 32), None), ((n,), 10)],
    build=GoogLeNet,
    loss=loss,
)
