"""Compare the latency of Slim-Net in int8 with small networks, and with Slim-Net in eager PyTorch."""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tfslim.cli import app

HERE = Path(__file__).resolve().parent

DESCRIPTION = """\
Converts Slim-Net, and of keras.applications MobileNetV3Small, MobileNetV2 of width 0.35 and EfficientNetB0 (all with 40
outputs and random weights), to int8, and runs the files with ai-edge-litert on this machine's CPU, in turns, each in a
process of its own. Prints the median of each, and of each the ratio to Slim-Net in int8, round by round. Slim-Net in
float32 is beside them; with --torch_python also Slim-Net in PyTorch, eager, float32.

tfslim does not require PyTorch. Pass the interpreter of an environment that has it:
  python -m venv peer && peer/bin/pip install torch

Examples:
  python benchmarks/latency.py --torch_python peer/bin/python
  python benchmarks/latency.py --height 109 --width 89 --threads 2 --rounds 7 --out latency.json
"""
OURS = "Slim-Net int8"
TORCH = "Slim-Net, PyTorch eager"


def main(
    torch_python: str | None = None,
    height: int = 218,
    width: int = 178,
    threads: int = 1,
    rounds: int = 5,
    runs: int = 30,
    warmup: int = 5,
    out: str | None = None,
) -> None:
    """Measures and prints the table.

    Args:
        torch_python: interpreter that has torch; without it the PyTorch row is left out
        height: of the images, in pixels
        width: of the images, in pixels
        threads: CPU threads of everything
        rounds: how often each takes its turn
        runs: timed runs in each turn
        warmup: runs before these
        out: JSON file for the results
    """
    if min(rounds, runs, warmup, threads) < 1:
        raise ValueError(f"rounds={rounds}, runs={runs}, warmup={warmup}, threads={threads}; expected 1 or more")
    from tfslim._support.text import text_table
    from tfslim.litert import benchmark

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        files = converted(Path(folder), (height, width, 3))
        turns: dict[str, list[float]] = {name: [] for name in files}
        sizes = {name: path.stat().st_size for name, path in files.items()}
        peer = stack.enter_context(torch_peer(torch_python, height, width, threads, runs, warmup))
        for _ in range(rounds):
            for name, path in files.items():
                (timing,) = benchmark(path, (threads,), runs=runs, warmup=warmup, rounds=1).timings
                turns[name].append(timing.median_ms)
            if peer:
                turns.setdefault(TORCH, []).append(1000 * statistics.median(peer()))
    ratios = {name: [one / own for one, own in zip(times, turns[OURS], strict=True)] for name, times in turns.items()}
    rows = [
        [
            name,
            f"{sizes[name]:,}" if name in sizes else "",
            f"{statistics.median(times):.2f}",
            f"{statistics.median(ratios[name]):.2f}",
            f"{min(ratios[name]):.2f} to {max(ratios[name]):.2f}",
        ]
        for name, times in turns.items()
    ]
    print(f"{height}x{width}, {threads} thread{'s'[: threads != 1]}, {rounds} rounds of {runs} runs")
    print(text_table(rows, align="<>>>>", head=["", "bytes", "median ms", f"ratio to {OURS}", "in the rounds"]))
    if out:
        from tfslim._support.files import replacing

        settings = {"height": height, "width": width, "threads": threads, "runs": runs}
        content = {**settings, "bytes": sizes, "milliseconds": turns, "ratios": ratios}
        with replacing(out) as beside:
            Path(beside).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def converted(folder: Path, shape: tuple[int, int, int]) -> dict[str, Path]:
    """The files, by what they are called in the table."""
    import keras
    import numpy as np

    import tfslim

    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).integers(0, 256, (20, *shape), dtype="uint8")
    head = {"input_shape": shape, "weights": None, "classes": 40, "classifier_activation": None}
    networks = {
        "Slim-Net": lambda: tfslim.models.SlimNet(shape),
        "MobileNetV3Small": lambda: keras.applications.MobileNetV3Small(**head),
        "MobileNetV2 0.35": lambda: keras.applications.MobileNetV2(alpha=0.35, **head),
        "EfficientNetB0": lambda: keras.applications.EfficientNetB0(**head),
    }
    files = {}
    for name, build in networks.items():
        print(f"converting {name}", file=sys.stderr)
        model = build()
        files[f"{name} int8"] = folder / f"{len(files)}.tflite"
        tfslim.litert.convert(model, files[f"{name} int8"], "int8", representative=images)
        if name == "Slim-Net":
            files["Slim-Net float32"] = folder / "float32.tflite"
            tfslim.litert.convert(model, files["Slim-Net float32"])
    return files


@contextlib.contextmanager
def torch_peer(python: str | None, height: int, width: int, threads: int, runs: int, warmup: int) -> Iterator:
    """Return a function that times Slim-Net in PyTorch, or None without an interpreter."""
    if python is None:
        yield None
        return
    import tfslim

    numbers = map(str, (height, width, threads, runs, warmup))
    command = [python, str(HERE / "torch_slimnet_peer.py"), *numbers]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as peer:
        said = json.loads(peer.stdout.readline())
        own = tfslim.measure(tfslim.models.SlimNet((height, width, 3))).trainable_params
        if said["parameters"] != own:
            raise ValueError(
                f"Slim-Net has {own:,} parameters here and {said['parameters']:,} in torch_slimnet_peer.py"
            )

        def turn() -> list[float]:
            print(file=peer.stdin, flush=True)
            return json.loads(peer.stdout.readline())

        yield turn
        peer.stdin.close()


if __name__ == "__main__":
    app.run(main, DESCRIPTION)
