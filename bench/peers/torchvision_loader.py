"""torchvision's data set and PyTorch's DataLoader at the work of bench/data.ts: the second epoch of batches of 128.

  /usr/bin/python3 torchvision_loader.py imagefolder DIR | cifar10 DIR [--images 1280] [--workers 2]
"""
import argparse
import json
import os
import time

import numpy as np
import torch
import torchvision
from torchvision import transforms as T

HALF = [0.5, 0.5, 0.5]


class CIFAR10(torchvision.datasets.CIFAR10):
    """torchvision's own, but for the files: it reads pickles, and this folder has the binary version."""

    def __init__(self, root, transform):
        self.root, self.transform, self.target_transform, self.train = root, transform, None, True
        files = [os.path.join(root, f"data_batch_{i}.bin") for i in range(1, 6)]
        records = np.concatenate([np.fromfile(f, np.uint8).reshape(-1, 3073) for f in files])
        self.targets = records[:, 0].tolist()
        self.data = np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))


def cpu_seconds(workers):
    """Of this process and its workers."""
    ticks = 0
    for pid in workers:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as text:
            ticks += sum(int(field) for field in text.read().rsplit(")", 1)[1].split()[11:13])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["imagefolder", "cifar10"])
    parser.add_argument("folder")
    parser.add_argument("--images", type=int, default=1280)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    end = [T.RandomHorizontalFlip(), T.ToTensor(), T.Normalize(HALF, HALF)]
    if args.mode == "cifar10":
        data = CIFAR10(args.folder, T.Compose([T.RandomCrop(32, padding=4), *end]))
    else:
        data = torchvision.datasets.ImageFolder(
            os.path.join(args.folder, "train"), T.Compose([T.Resize(256), T.RandomCrop(224), *end]))
    count = min(args.images, len(data))
    data = torch.utils.data.Subset(data, [i * len(data) // count for i in range(count)])
    loader = torch.utils.data.DataLoader(
        data, batch_size=128, shuffle=True, num_workers=args.workers, persistent_workers=args.workers > 0)

    def epoch():
        return sum(len(labels) for images, labels in loader)

    # Processes and code that are there in every epoch but the first.
    epoch()
    workers = [worker.pid for worker in getattr(loader._iterator, "_workers", [])]
    before, started = cpu_seconds(workers), time.perf_counter()
    images = epoch()
    seconds = time.perf_counter() - started
    print(json.dumps({"images": images, "seconds": seconds, "imagesPerSecond": images / seconds,
                      "cpuSeconds": cpu_seconds(workers) - before,
                      "version": f"torch {torch.__version__}, torchvision {torchvision.__version__}"}))


if __name__ == "__main__":
    main()
