from torch import nn
from torch.nn import functional as F

PIXELS, HIDDEN, LATENT = 784, 500, 20


class Vae(nn.Module):
    """arXiv:1312.6114, appendix C."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(PIXELS, HIDDEN), nn.Tanh())
        self.mean = nn.Linear(HIDDEN, LATENT)
        self.log_variance = nn.Linear(HIDDEN, LATENT)
        self.decoder = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, PIXELS))

    def forward(self, x, noise):
        hidden = self.encoder(x)
        mean = self.mean(hidden)
        log_variance = self.log_variance(hidden)
        z = mean + (0.5 * log_variance).exp() * noise
        return dict(logits=self.decoder(z), mean=mean, log_variance=log_variance)


def loss(model, images, noise):
    x = images * 0.5 + 0.5
    out = model(x, noise)
    mean, log_variance = out["mean"], out["log_variance"]
    reconstruction = F.binary_cross_entropy_with_logits(out["logits"], x, reduction="sum")
    divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum()
    return (reconstruction + divergence) / len(x)


vae = dict(
    batch=64,
    inputs=lambda n: [((n, PIXELS), None), ((n, LATENT), None)],
    build=Vae,
    loss=loss,
)
