"""The other side of latency.py: Slim-Net in PyTorch, run eagerly, once for each line that comes in.

Run by latency.py with an interpreter that has torch; not by hand.
"""

import json
import sys
import time

import torch
from torch import nn

height, width, threads, runs, warmup = map(int, sys.argv[1:6])
torch.set_num_threads(threads)


def conv(
    given: int, filters: int, size: int = 1, stride: int = 1, padding: int = 0, groups: int = 1, bias: bool = False
):
    """Convolution, batch norm, ReLU."""
    layer = nn.Conv2d(given, filters, size, stride, padding, groups=groups, bias=bias)
    return nn.Sequential(layer, nn.BatchNorm2d(filters), nn.ReLU(inplace=True))


class SqueezeExpand(nn.Module):
    """Squeeze to `filters`, then a plain and a separable expansion to four times as many, side by side."""

    def __init__(self, given: int, filters: int):
        super().__init__()
        self.squeeze = conv(given, filters, bias=True)
        self.plain = conv(filters, 4 * filters, bias=True)
        self.separable = nn.Sequential(conv(filters, filters, 3, 1, 1, filters), conv(filters, 4 * filters))

    def forward(self, x):
        x = self.squeeze(x)
        return torch.cat([self.plain(x), self.separable(x)], 1)


class SlimModule(nn.Module):
    """Two blocks, the first with a projected skip, and a separable convolution."""

    def __init__(self, given: int, filters: int):
        super().__init__()
        wide = 8 * filters
        self.skip = conv(given, wide)
        self.first, self.second = SqueezeExpand(given, filters), SqueezeExpand(wide, filters)
        self.output = nn.Sequential(conv(wide, wide, 3, 1, 1, wide), conv(wide, 3 * filters))

    def forward(self, x):
        return self.output(self.second(self.first(x) + self.skip(x)))


class SlimNet(nn.Module):
    """Slim-Net of 40 attributes on pixels of 0..255."""

    def __init__(self):
        super().__init__()
        layers = [conv(3, 96, 7, 2, bias=True), nn.MaxPool2d(3, 2)]
        given = 96
        for filters in (16, 32, 48, 64):
            layers += [SlimModule(given, filters), nn.MaxPool2d(3, 2)]
            given = 3 * filters
        self.body, self.logits = nn.Sequential(*layers), nn.Linear(given, 40)

    def forward(self, x):
        return self.logits(self.body(x / 127.5 - 1.0).mean((2, 3)))


model = SlimNet().eval()
image = torch.rand(1, 3, height, width) * 255
parameters = sum(each.numel() for each in model.parameters())
print(json.dumps({"torch": torch.__version__, "parameters": parameters}), flush=True)
with torch.inference_mode():
    for _ in sys.stdin:
        seconds = []
        for _ in range(warmup + runs):
            started = time.perf_counter()
            model(image)
            seconds.append(time.perf_counter() - started)
        print(json.dumps(seconds[warmup:]), flush=True)
