from torch import nn
from torch.nn import functional as F


def conv(c_in, c_out, kernel, stride=1):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, stride, (kernel - 1) // 2, bias=False), nn.BatchNorm2d(c_out)
    )


class SqueezeExcitation(nn.Module):
    """Scales each channel by a number between 0 and 1 that depends on the means of all channels."""

    def __init__(self, channels, reduction=4):
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.excite = nn.Linear(channels // reduction, channels)

    def forward(self, x):
        scale = self.excite(self.squeeze(x.mean((2, 3))).relu()).sigmoid()
        return x * scale[..., None, None]


class Block(nn.Module):
    def __init__(self, c_in, c_out):
        super().__init__()
        stride = c_out // c_in
        layers = [conv(c_in, c_out, 3, stride), nn.ReLU(), conv(c_out, c_out, 3), SqueezeExcitation(c_out)]
        self.body = nn.Sequential(*layers)
        self.shortcut = nn.Sequential() if c_in == c_out else conv(c_in, c_out, 1, stride)

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


class SeResNet(nn.Module):
    """arXiv:1709.01507: SE-ResNet-14 for 32 x 32 images."""

    def __init__(self):
        super().__init__()
        widths = [16, 16, 16, 32, 32, 64, 64]
        blocks = [Block(c_in, c_out) for c_in, c_out in zip(widths, widths[1:])]
        self.features = nn.Sequential(conv(3, 16, 3), nn.ReLU(), *blocks)
        self.fc = nn.Linear(64, 10)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


seResnet = dict(
    batch=64,
    inputs=lambda n: [((n, 3, 32, 32), None), ((n,), 10)],
    build=SeResNet,
    loss=lambda model, x, y: F.cross_entropy(model(x), y),
)
