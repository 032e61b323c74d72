from torch import nn
from torch.nn import functional as F


def conv(c_in, c_out, kernel, stride=1):
    return nn.Conv2d(c_in, c_out, kernel, stride, (kernel - 1) // 2, bias=False)


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1 = conv(c_in, c_out, 3, stride)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = conv(c_out, c_out, 3)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(conv(c_in, c_out, 1, stride), nn.BatchNorm2d(c_out))

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        blocks, c_in = [], 64
        for i, c_out in enumerate([64, 64, 128, 128, 256, 256, 512, 512]):
            blocks.append(Block(c_in, c_out, 2 if i > 1 and i % 2 == 0 else 1))
            c_in = c_out
        self.features = nn.Sequential(conv(3, 64, 3), nn.BatchNorm2d(64), nn.ReLU(), *blocks)
        self.fc = nn.Linear(512, 10)

    def forward(self, x):
        return self.fc(self.features(x).mean((2, 3)))


resnet18 = dict(
    batch=64,
    inputs=lambda n: [((n, 3, 32, 32), None), ((n,), 10)],
    build=ResNet18,
    loss=lambda model, x, y: F.cross_entropy(model(x), y),
)
