import torch
from torch import nn
from torch.nn import functional as F


def twice(c_in, c_out):
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1), nn.ReLU(), nn.Conv2d(c_out, c_out, 3, padding=1), nn.ReLU()
    )


class UNet(nn.Module):
    """arXiv:1505.04597, with two levels and padding."""

    def __init__(self):
        super().__init__()
        self.down1 = twice(3, 32)
        self.down2 = twice(32, 64)
        self.middle = twice(64, 128)
        self.up2 = nn.ConvTranspose2d(128, 64, 2, 2)
        self.merge2 = twice(128, 64)
        self.up1 = nn.ConvTranspose2d(64, 32, 2, 2)
        self.merge1 = twice(64, 32)
        self.out = nn.Conv2d(32, 1, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(self.pool(a))
        c = self.middle(self.pool(b))
        d = self.merge2(torch.cat([b, self.up2(c)], 1))
        return self.out(self.merge1(torch.cat([a, self.up1(d)], 1)))


unet = dict(
    batch=64,
    inputs=lambda n: [((n, 3, 32, 32), None), ((n, 1, 32, 32), 2)],
    build=UNet,
    loss=lambda model, x, mask: F.binary_cross_entropy_with_logits(model(x), mask.to(x.dtype)),
)
