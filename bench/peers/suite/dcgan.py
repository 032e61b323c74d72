import torch
from torch import nn
from torch.nn import functional as F

LATENT = 64


def up(c_in, c_out, stride, padding):
    return [nn.ConvTranspose2d(c_in, c_out, 4, stride, padding, bias=False), nn.BatchNorm2d(c_out), nn.ReLU()]


def down(c_in, c_out):
    return [nn.Conv2d(c_in, c_out, 4, 2, 1, bias=False), nn.BatchNorm2d(c_out), nn.LeakyReLU(0.2)]


class Dcgan(nn.Module):
    """arXiv:1511.06434 for 32 x 32 images: two networks, each trained by its own optimizer."""

    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(
            *up(LATENT, 128, 1, 0),
            *up(128, 64, 2, 1),
            *up(64, 32, 2, 1),
            nn.ConvTranspose2d(32, 3, 4, 2, 1),
            nn.Tanh(),
        )
        self.discriminator = nn.Sequential(
            nn.Conv2d(3, 32, 4, 2, 1),
            nn.LeakyReLU(0.2),
            *down(32, 64),
            *down(64, 128),
            nn.Conv2d(128, 1, 4),
        )

    def forward(self, z):
        return self.generator(z)


def judged(model, images, as_):
    """Loss of judging all images as real (1) or generated (0)."""
    logits = model.discriminator(images)
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, as_))


dcgan = dict(
    batch=64,
    inputs=lambda n: [((n, 3, 32, 32), None), ((n, LATENT, 1, 1), None)],
    build=Dcgan,
    loss=dict(
        discriminator=lambda model, x, z: judged(model, x, 1) + judged(model, model(z).detach(), 0),
        generator=lambda model, x, z: judged(model, model(z), 1),
    ),
)
