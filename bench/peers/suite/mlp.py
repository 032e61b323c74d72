from torch import nn
from torch.nn import functional as F


def net(inputs, hidden):
    return dict(
        batch=64,
        inputs=lambda n: [((n, inputs), None), ((n,), 10)],
        build=lambda: nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, 10)),
        loss=lambda model, x, y: F.cross_entropy(model(x), y),
    )


mlpSmall = net(20, 64)
mlp = net(784, 256)
