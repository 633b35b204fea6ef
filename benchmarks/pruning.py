"""Compare cutting MobileNetV2 with Torch-Pruning, and scoring filters with a plain training step."""

import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Literal

from tfslim.cli import app

HERE = Path(__file__).resolve().parent

DESCRIPTION = """\
Measures what it takes to find the channel graph of MobileNetV2, score its filters by l2 and cut them, by tfslim and by
Torch-Pruning in turn, each in a separate process. Also measures a training step of SqueezeNet while its filters are
scored, while a share of them is held at zero, and when that share is cut out, as shares of the plain step. Medians over
the rounds, of the time gone by and of the time that all cores worked, which other programs on the machine disturb less.

tfslim does not require Torch-Pruning. Pass the interpreter of an environment that has it:
  python -m venv peer && peer/bin/pip install torch torchvision torch-pruning

Examples:
  python benchmarks/pruning.py --torch_python peer/bin/python
  python benchmarks/pruning.py --torch_python peer/bin/python --rounds 11 --out pruning.json
  python benchmarks/pruning.py --precision mixed_bfloat16 --ratio 0.4
"""


def main(
    torch_python: str | None = None,
    ratio: float = 0.3,
    precision: Literal["float32", "mixed_bfloat16"] = "float32",
    size: int = 224,
    rounds: int = 5,
    threads: int = 2,
    out: str | None = None,
) -> None:
    """Measures and prints the tables.

    Args:
        torch_python: interpreter that has torch, torchvision and torch-pruning; without it only steps are measured
        ratio: share of the filters to cut
        precision: of the training steps
        size: height and width of MobileNetV2's images, in pixels
        rounds: how often each is measured, after one round that does not count
        threads: CPU threads of Torch
        out: JSON file for the results
    """
    if rounds < 1 or not 0 < ratio < 1:
        raise ValueError(f"rounds={rounds}, ratio={ratio}; expected 1 or more, and above 0 and below 1")
    results = {"steps": steps(precision, rounds, ratio)}
    if torch_python:
        results["cutting"] = cutting(torch_python, ratio, size, rounds, threads)
    if out:
        from tfslim._support.files import replacing

        with replacing(out) as beside:
            Path(beside).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def cutting(torch_python: str, ratio: float, size: int, rounds: int, threads: int) -> dict:
    """Both tools' times for cutting, and their ratio round by round."""
    import keras

    import tfslim

    model = keras.applications.MobileNetV2((size, size, 3), weights=None)
    command = [torch_python, str(HERE / "torch_pruning_peer.py"), str(ratio), str(size), str(threads)]
    ours, theirs = [], []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        versions = json.loads(peer.stdout.readline())
        for turn in range(rounds + 1):
            started, worked = time.perf_counter(), time.process_time()
            smaller, _ = tfslim.prune_filters(model, ratio, importance="l2", round_to=1)
            own = {"seconds": time.perf_counter() - started, "core_seconds": time.process_time() - worked}
            print(file=peer.stdin, flush=True)
            other = json.loads(peer.stdout.readline())
            if turn:
                ours.append(own | {"parameters": smaller.count_params()})
                theirs.append(other)
        peer.stdin.close()
    result = {"versions": versions, "tfslim": ours, "torch_pruning": theirs}
    for kind in ("seconds", "core_seconds"):
        shares = [one[kind] / two[kind] for one, two in zip(ours, theirs, strict=True)]
        result[f"share_of_{kind}"] = statistics.median(shares)
        print(
            f"cutting {ratio:.0%} of MobileNetV2, {kind.replace('_', ' ')}: tfslim "
            f"{statistics.median(each[kind] for each in ours):.2f}, Torch-Pruning "
            f"{statistics.median(each[kind] for each in theirs):.2f}; share {statistics.median(shares):.2f} "
            f"({min(shares):.2f} to {max(shares):.2f}, {rounds} rounds)"
        )
    return result


def steps(precision: str, rounds: int, ratio: float, size: int = 80, batch_size: int = 32, count: int = 6) -> dict:
    """Times of a training step of SqueezeNet, plain, scored, with filters held at zero, and with them cut out."""
    import keras
    import numpy as np

    from tfslim.graph.cloning import clone_model
    from tfslim.layers.fused_batch_norm import FusedBatchNormalization
    from tfslim.models import SqueezeNet
    from tfslim.pruning import PruningOptimizer, channel_graph, remove_units

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count * batch_size, size, size, 3)).astype("uint8")
    labels = random.integers(0, 160, len(images))
    whole = SqueezeNet((size, size, 3), classes=160)
    units = channel_graph(whole).unit_count
    gone = random.permutation(units)[: int(ratio * units)]

    def fitting(model: keras.Model, scored: bool, dropped: np.ndarray):
        copy = clone_model(model, dtype=precision, replace={keras.layers.BatchNormalization: FusedBatchNormalization})
        optimizer = keras.optimizers.AdamW(1e-3)
        if scored:
            optimizer = PruningOptimizer(optimizer, channel_graph(copy), alone=True)
        copy.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        if len(dropped):
            optimizer.build(copy.trainable_variables)
            optimizer.drop(dropped)
        return lambda: copy.fit(images, labels, batch_size=batch_size, verbose=0)

    none = gone[:0]
    actions = {
        "plain": fitting(whole, False, none),
        "scored": fitting(whole, True, none),
        "scored, held at zero": fitting(whole, True, gone),
        "scored, cut out": fitting(remove_units(channel_graph(whole), gone), True, none),
    }
    timings = {name: [] for name in actions}
    for turn in range(rounds + 1):
        for name in list(actions) if turn % 2 else reversed(actions):
            started, worked = time.perf_counter(), time.process_time()
            actions[name]()
            if turn:  # the first round traces and compiles
                timings[name].append((time.perf_counter() - started, time.process_time() - worked))
    print(f"step of SqueezeNet, {size}x{size}, {batch_size} images, {precision}, {rounds} rounds:")
    shares = {name: {} for name in actions}
    for place, kind in enumerate(("seconds", "core seconds")):
        for name, found in timings.items():
            own = [one[place] / two[place] for one, two in zip(found, timings["plain"], strict=True)]
            shares[name][kind] = statistics.median(own)
            milliseconds = 1e3 * statistics.median(each[place] for each in found) / count
            print(
                f"  {name:21} {milliseconds:7.1f} ms ({kind}), share of plain {statistics.median(own):.3f} "
                f"({min(own):.3f} to {max(own):.3f})"
            )
    return {"seconds_and_core_seconds": timings, "shares_of_plain": shares}


if __name__ == "__main__":
    app.run(main, DESCRIPTION)
