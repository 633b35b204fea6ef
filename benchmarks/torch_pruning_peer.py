"""The other side of pruning.py: Torch-Pruning cuts MobileNetV2, once for each line that comes in.

Run by pruning.py with an interpreter that has torch, torchvision and torch-pruning; not by hand.
"""

import copy
import json
import sys
import time

import torch
import torch_pruning
import torchvision

ratio, size, threads = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
original = torchvision.models.mobilenet_v2(weights=None).eval()
example = torch.randn(1, 3, size, size)
versions = {"torch": torch.__version__, "torch-pruning": torch_pruning.__version__}
print(json.dumps(versions | {"parameters": sum(each.numel() for each in original.parameters())}), flush=True)
for _ in sys.stdin:
    model = copy.deepcopy(original)
    started, worked = time.perf_counter(), time.process_time()
    pruner = torch_pruning.pruner.MagnitudePruner(
        model,
        example,
        importance=torch_pruning.importance.MagnitudeImportance(p=2),
        global_pruning=True,
        pruning_ratio=ratio,
        ignored_layers=[model.classifier[1]],
    )
    pruner.step()
    timing = {"seconds": time.perf_counter() - started, "core_seconds": time.process_time() - worked}
    print(json.dumps(timing | {"parameters": sum(each.numel() for each in model.parameters())}), flush=True)
