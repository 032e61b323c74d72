#!/usr/bin/env python3
"""PyTorch's side of `paperweight bench train` and `infer`: pytorch_steps.py work.json (see src/bench/side.ts).

Modes, joined with hyphens: eager, compile (torch.compile), channels-last, bf16 (autocast), cuda (on the GPU, in
strict float32), tf32.
Works with PyTorch 1.13 and newer; compile needs 2.0.
"""
import json
import os
import resource
import sys
import time

import numpy as np
import torch
from torch import nn


def say(**answer):
    print(json.dumps(answer), flush=True)


def build(layers):
    made = []
    for layer in layers:
        kind = layer["type"]
        if kind == "conv2d":
            geometry = [tuple(layer[key]) for key in ("kernel", "stride", "padding", "dilation")]
            made.append(nn.Conv2d(layer["inChannels"], layer["outChannels"], *geometry, layer["groups"]))
        elif kind == "linear":
            made.append(nn.Linear(layer["inFeatures"], layer["outFeatures"]))
        elif kind == "maxPool2d":
            sizes = (tuple(layer[key]) for key in ("kernel", "stride", "padding"))
            made.append(nn.MaxPool2d(*sizes, ceil_mode=layer["ceilMode"]))
        elif kind == "localResponseNorm":
            made.append(nn.LocalResponseNorm(layer["size"], layer["alpha"], layer["beta"], layer["k"]))
        elif kind == "adaptiveAvgPool2d":
            made.append(nn.AdaptiveAvgPool2d(tuple(layer["size"])))
        elif kind == "dropout":
            made.append(nn.Dropout(layer["p"]))
        elif kind == "relu":
            made.append(nn.ReLU(inplace=True))
        elif kind == "flatten":
            made.append(nn.Flatten())
        else:
            raise ValueError(f"no layer {kind} here")
    return nn.Sequential(*made)


def main():
    file = sys.argv[1]
    folder = os.path.dirname(file)
    with open(file, encoding="utf-8") as text:
        work = json.load(text)
    mode = work["mode"] or "eager"
    channels_last, compiled, bf16 = ("channels-last" in mode, "compile" in mode, "bf16" in mode)
    torch.set_num_threads(work["threads"])
    kind = "cuda" if "cuda" in mode else "cpu"
    if kind == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("this PyTorch finds no GPU")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = "tf32" in mode

    model = build(work["layers"])
    weights = np.fromfile(os.path.join(folder, work["weights"]), dtype="<f4")
    at = 0
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.from_numpy(weights[at:at + parameter.numel()]).view(parameter.shape))
            at += parameter.numel()
    assert at == len(weights), "the weights do not fit the layers"
    few = torch.from_numpy(np.fromfile(os.path.join(folder, work["images"]), dtype="<f4"))
    few = few.view(work["imageCount"], *work["inputShape"])
    batch = work["batch"]
    images = few.repeat(-(-batch // len(few)), 1, 1, 1)[:batch].contiguous()
    labels = torch.arange(batch) % 10
    model = model.to(kind)
    few, images, labels = (t.to(kind) for t in (few, images, labels))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        few, images = (t.contiguous(memory_format=torch.channels_last) for t in (few, images))
    net = torch.compile(model) if compiled else model

    def autocast():
        return torch.autocast(kind, torch.bfloat16, enabled=bf16)

    def logits(x):
        with torch.no_grad(), autocast():
            return net(x).float()

    model.eval()
    first = logits(few).flatten().tolist()
    optimizer = torch.optim.SGD(model.parameters(), lr=work["lr"], momentum=work["momentum"])
    criterion = nn.CrossEntropyLoss()
    model.train(work["what"] == "train")

    def train():
        optimizer.zero_grad()
        with autocast():
            loss = criterion(net(images), labels)
        loss.backward()
        optimizer.step()
        loss.item()

    def step():
        return train() if work["what"] == "train" else logits(images).cpu().numpy()

    def timed(count):
        seconds = []
        for _ in range(count):
            started = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - started)
        return seconds

    warmup = timed(work["warmup"])
    say(ready=True, name="pytorch", version=f"PyTorch {torch.__version__}", logits=first, warmupSeconds=warmup)
    for line in sys.stdin:
        word, _, number = line.strip().partition(" ")
        if word == "go":
            say(seconds=timed(int(number)))
        elif word == "end":
            break
        else:
            say(error=f'unknown request "{line.strip()}"')
    say(peakRssMiB=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # it is told to the other side, which decides
        say(error=f"{type(error).__name__}: {error}")
        sys.exit(1)
