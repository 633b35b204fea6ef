"""One build's side of save_packed.py: saves a network in few bits, once for each line that comes in.

Run by save_packed.py with the build's folder in PYTHONPATH; not by hand. Written so that older builds run it, too.
"""

import gc
import hashlib
import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tfslim

NETWORKS = {
    "VGG11, 120x120": lambda: tfslim.models.VGG11(),
    "VGG11, 64x64": lambda: tfslim.models.VGG11((64, 64, 3)),
    "Slim-Net": lambda: tfslim.models.SlimNet(),
}


def snapped(name: str, bits: int, untrained: bool) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = NETWORKS[name]()
    random = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1 and not untrained and keras.backend.is_float_dtype(weight.dtype):
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return tfslim.quantize_weights(model, "log_min_max", bits, rest="float16")[0]


def without_plan(model: keras.Model) -> keras.Model:
    copy = keras.models.clone_model(model)
    for mine, other in zip(copy.variables, model.variables, strict=True):  # the seeds of dropout among them
        mine.assign(other)
    return copy


path, bits, untrained = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "True"
planned = {name: snapped(name, bits, untrained) for name in NETWORKS}
models = {True: planned, False: {name: without_plan(model) for name, model in planned.items()}}
print(json.dumps({"tfslim": os.path.dirname(os.path.dirname(tfslim.__file__)), "networks": [*NETWORKS]}), flush=True)
for line in sys.stdin:
    case = json.loads(line)
    model = models[case["planned"]][case["network"]]
    gc.collect()  # else one build or the other would pay for what is left of building the networks
    started, worked = time.perf_counter(), time.process_time()
    tfslim.save_packed(model, path, entropy_coding=case["entropy_coding"])
    timing = {"core": time.process_time() - worked, "wall": time.perf_counter() - started}
    with open(path, "rb") as file:
        data = file.read()
    print(json.dumps(timing | {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}), flush=True)
