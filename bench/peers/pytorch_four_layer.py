#!/usr/bin/env python3
"""The four-layer net of src/papers/alexnet/four-layer.ts, trained by PyTorch with the recipe behind section 3.3.

  python3 bench/peers/pytorch_four_layer.py --data DIR --norm none --seeds 0 1 2 --threads 1 --out FILE

DIR holds CIFAR-10's .bin files. Twelve epochs of batches of 128, SGD with momentum 0.9 and a rate of 0.01, a tenth of
it after epochs 8 and 11; errors are those of `paperweight reproduce`: over an epoch's own batches, and on all 10,000
test images. The random numbers are PyTorch's, so that only the spread over seeds can be compared.
"""
import argparse
import json
import os
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# Of the training images, as in src/papers/alexnet/build.ts.
MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1)
STD = torch.tensor([0.247, 0.2435, 0.2616]).view(1, 3, 1, 1)


def images(folder, names):
    records = np.concatenate([np.fromfile(os.path.join(folder, n), np.uint8).reshape(-1, 3073) for n in names])
    x = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32)) / 255
    x = ((x - MEAN) / STD).contiguous(memory_format=torch.channels_last)
    return x, torch.from_numpy(records[:, 0].astype(np.int64))


def network(norm):
    def block(entering, leaving, last=False):
        normal = {
            "none": [],
            "lrn": [nn.LocalResponseNorm(5, 1e-3 * 63**2, 0.75, 1.0)],
            "batch": [nn.BatchNorm2d(leaving)],
        }[norm]
        layers = [nn.Conv2d(entering, leaving, 5, padding=2), nn.MaxPool2d(3, 2, ceil_mode=True), nn.ReLU()]
        return layers + ([] if last else normal)

    net = nn.Sequential(
        *block(3, 32), *block(32, 32), *block(32, 64, last=True), nn.Flatten(), nn.Linear(64 * 4 * 4, 10))
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.zeros_(layer.bias)
    return net


def train(norm, seed, data, epochs):
    (x, y), (tx, ty) = data
    torch.manual_seed(seed)
    # The faster layout for this net on a processor; it does not change what is computed.
    net = network(norm).to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(sgd, [8, 11], 0.1)
    curve = []
    for epoch in range(1, epochs + 1):
        net.train()
        wrong = total = 0.0
        for some in torch.randperm(len(x)).split(128):
            logits = net(x[some])
            loss = F.cross_entropy(logits, y[some])
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            wrong += (logits.argmax(1) != y[some]).sum().item()
            total += loss.item() * len(some)
        schedule.step()
        net.eval()
        with torch.no_grad():
            answers = torch.cat([net(part).argmax(1) for part in tx.split(1000)])
        curve.append({
            "epoch": epoch,
            "trainLoss": round(total / len(x), 5),
            "trainError": round(100 * wrong / len(x), 3),
            "testError": round(100 * (answers != ty).float().mean().item(), 3),
        })
        print(norm, seed, curve[-1], flush=True)
    return curve


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--norm", choices=["none", "lrn", "batch"], default="none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = (images(args.data, [f"data_batch_{i}.bin" for i in range(1, 6)]),
            images(args.data, ["test_batch.bin"]))
    runs = []
    for seed in args.seeds:
        started = time.time()
        curve = train(args.norm, seed, data, args.epochs)
        runs.append({"seed": seed, "seconds": round(time.time() - started), "epochs": curve})
        # After each seed, so that an interruption loses one at most.
        with open(args.out, "w", encoding="utf-8") as file:
            json.dump({"peer": f"pytorch {torch.__version__}", "norm": args.norm, "threads": args.threads,
                       "runs": runs}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
