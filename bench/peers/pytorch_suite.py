#!/usr/bin/env python3
"""PyTorch's side of `paperweight bench suite`: pytorch_suite.py NET THREADS [PRECISION]; src/bench/suite does the same."""
import importlib
import json
import math
import resource
import sys
import time
from pathlib import Path

import torch

MODULES = {"mlpSmall": "mlp", "mobilenetV2": "mobilenet_v2", "charLstm": "char_lstm", "seResnet": "se_resnet"}


def say(**answer):
    print(json.dumps(answer), flush=True)


def noise(count, stream):
    x = 43758.5453 * torch.sin(12.9898 * torch.arange(count, dtype=torch.float64) + 78.233 * (stream + 1))
    return (2 * (x - torch.floor(x)) - 1).float().to(torch.get_default_dtype())


def batch_of(shape, below, phase):
    count = math.prod(shape)
    if below is None:
        return noise(count, phase).view(shape)
    return ((torch.arange(count) * 7919 + phase) % below).view(shape)


def load(name):
    sys.path.insert(0, str(Path(__file__).parent / "suite"))
    return getattr(importlib.import_module(MODULES.get(name, name)), name)


def training(net, batch, rate=1e-4, rounded=None):
    """The network with its first weights, and its training step, which returns the loss; `rounded` is autocast's type."""
    model = net["build"]()
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            if p.dim() >= 2:
                p.copy_((noise(p.numel(), k) * (1 / (p.numel() / len(p))) ** 0.5).view(p.shape))
            elif not (p == 1).all():
                p.zero_()
    inputs = [batch_of(shape, below, k) for k, (shape, below) in enumerate(net["inputs"](batch))]
    losses_of = net["loss"] if isinstance(net["loss"], dict) else {"": net["loss"]}
    stages = [
        (torch.optim.SGD(model.get_submodule(part).parameters(), lr=rate, momentum=0.9), loss_of)
        for part, loss_of in losses_of.items()
    ]

    def step():
        losses = []
        for optimizer, loss_of in stages:
            optimizer.zero_grad()
            with torch.autocast("cpu", rounded, enabled=rounded is not None):
                losses.append(loss_of(model, *inputs))
            losses[-1].backward()
            optimizer.step()
        return sum(loss.item() for loss in losses)

    return model, step


def main():
    name, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    net = load(name)
    precision = sys.argv[3] if len(sys.argv) > 3 else "float32"
    _, step = training(net, net["batch"], rounded=None if precision == "float32" else getattr(torch, precision))
    losses = [step() for _ in range(5)]
    say(ready=True, name="pytorch", version=f"PyTorch {torch.__version__}", losses=losses)
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        if word == "end":
            break
        started = time.perf_counter()
        for _ in range(int(number)):
            step()
        say(seconds=(time.perf_counter() - started) / int(number))
    say(peakRssMiB=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # the other side decides what to do
        say(error=f"{type(error).__name__}: {error}")
        sys.exit(1)
