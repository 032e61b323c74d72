from torch import nn
from torch.nn import functional as F

SYMBOLS, LENGTH, HIDDEN = 64, 64, 128


class CharLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(SYMBOLS, 64)
        self.lstm = nn.LSTM(64, HIDDEN, 2, batch_first=True)
        self.out = nn.Linear(HIDDEN, SYMBOLS)

    def forward(self, ids):
        hidden, _ = self.lstm(self.embedding(ids))
        return self.out(hidden)


charLstm = dict(
    batch=64,
    inputs=lambda n: [((n, LENGTH), SYMBOLS), ((n * LENGTH,), SYMBOLS)],
    build=CharLstm,
    loss=lambda model, ids, target: F.cross_entropy(model(ids).flatten(0, 1), target),
)
