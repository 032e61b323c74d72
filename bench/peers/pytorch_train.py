#!/usr/bin/env python3
"""PyTorch's side of bench/train.ts: the notes' AlexNet, one training step after another on random pictures.

  pytorch_train.py --batch 128 --threads 2 --warmup 2 --steps 3 [--no-lrn]
Prints one JSON line with the seconds of each step and the peak resident size.
"""
import argparse
import json
import resource
import time

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=128)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--warmup", type=int, default=2)
parser.add_argument("--steps", type=int, default=3)
parser.add_argument("--no-lrn", action="store_true")
args = parser.parse_args()
torch.set_num_threads(args.threads)


def lrn():
    return nn.Identity() if args.no_lrn else nn.LocalResponseNorm(5, 1e-4, 0.75, 1.0)


model = nn.Sequential(
    nn.Conv2d(3, 96, 11, 4, 2), lrn(), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
    nn.Conv2d(96, 256, 5, padding=2), lrn(), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
    nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(inplace=True),
    nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(inplace=True),
    nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
    nn.AdaptiveAvgPool2d((6, 6)), nn.Flatten(),
    nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(inplace=True),
    nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Linear(4096, 10),
)
pictures = torch.rand(args.batch, 3, 224, 224) * 2 - 1
labels = torch.arange(args.batch) % 10
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
criterion = nn.CrossEntropyLoss()
seconds = []
for _ in range(args.warmup + args.steps):
    started = time.perf_counter()
    optimizer.zero_grad()
    loss = criterion(model(pictures), labels)
    loss.backward()
    optimizer.step()
    loss.item()
    seconds.append(time.perf_counter() - started)
print(json.dumps({
    "version": torch.__version__,
    "seconds": seconds[args.warmup:],
    "peakRssMiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
}))
