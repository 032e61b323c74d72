#!/usr/bin/env python3
"""torchvision's side of `paperweight bench data`: torchvision_cifar.py FOLDER BATCH THREADS (see src/bench/side.ts).

Reads CIFAR-10's .bin files and gives images as torchvision.datasets.CIFAR10 does, through PIL; the loader works
in the main process, as Paperweight's does. `go plain` and `go augmented` run one epoch each.
"""
import json
import os
import resource
import sys
import time

import numpy as np
import torch
import torchvision
from PIL import Image
from torchvision import transforms


def say(**answer):
    print(json.dumps(answer), flush=True)


class Cifar10(torch.utils.data.Dataset):
    """As torchvision.datasets.CIFAR10, but for the files that it reads."""

    def __init__(self, folder, transform):
        files = [os.path.join(folder, f"data_batch_{i}.bin") for i in range(1, 6)]
        rows = np.concatenate([np.fromfile(file, dtype=np.uint8).reshape(-1, 3073) for file in files])
        self.targets = rows[:, 0].astype(int).tolist()
        self.data = np.ascontiguousarray(rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
        self.transform = transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.data[index])), self.targets[index]


def main():
    folder, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(threads)
    augment = [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip()]

    def loader(kind):
        steps = augment if kind == "augmented" else []
        dataset = Cifar10(folder, transforms.Compose([*steps, transforms.ToTensor()]))
        return torch.utils.data.DataLoader(dataset, batch_size=batch, shuffle=kind == "augmented")

    loaders = {kind: loader(kind) for kind in ("plain", "augmented")}
    say(ready=True, name="torchvision", version=f"torchvision {torchvision.__version__}")
    for line in sys.stdin:
        word, _, kind = line.strip().partition(" ")
        if word == "end":
            break
        started = time.perf_counter()
        seen = sum(len(labels) for _, labels in loaders[kind])
        say(seconds=time.perf_counter() - started, images=seen)
    say(peakRssMiB=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # it is told to the other side, which decides
        say(error=f"{type(error).__name__}: {error}")
        sys.exit(1)
