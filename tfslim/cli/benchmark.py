"""`tfslim benchmark`: time .tflite files on this machine."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Literal

from tfslim.cli import app

DESCRIPTION = """\
Times .tflite files, anybody's, with ai-edge-litert on this machine's CPU: latency (median, 95th percentile, ratio to
the fastest), the time to load, the memory that they add, bytes raw and gzipped. Each file runs in processes of its own,
which take turns; one on which the interpreter crashes is an error, and so is one that does not end in time (exit code
2).

examples:
  tfslim benchmark face-float32.tflite face-int8.tflite
  tfslim benchmark files/*.tflite --threads 1,2 --xnnpack both --picture latency.png
  tfslim benchmark face-int8.tflite --format json --runs 200 > latency.json
"""


def main(
    files: list[str],
    threads: tuple[int, ...] = (1,),
    xnnpack: Literal["on", "off", "both"] = "on",
    runs: int = 50,
    warmup: int = 5,
    rounds: int = 3,
    timeout: float = 300.0,
    format: Literal["text", "json"] = "text",
    picture: str | None = None,
) -> None:
    """Time files.

    Args:
        files: .tflite files.
        threads: numbers of CPU threads to run each with
        xnnpack: whether the delegate that does the arithmetic on CPUs is on
        runs: timed runs in each round
        warmup: runs before these
        rounds: how many processes run each setting, in turns
        timeout: seconds after which a process is ended
        format: text for people, json for programs
        picture: a chart to write as well (.png or .svg)
    """
    if picture and Path(picture).suffix not in (".png", ".svg"):
        raise ValueError(f"--picture {picture}: expected a name that ends in .png or .svg")
    from tfslim.litert.runtime.timing import benchmark

    states = {"on": (True,), "off": (False,), "both": (True, False)}[xnnpack]
    found = benchmark(files, threads, states, runs, warmup, rounds, timeout)
    print(json.dumps(found.to_dict(), indent=2) if format == "json" else found)
    if picture:
        from tfslim.plots.latency import draw_timings

        draw_timings(found, picture)
        print(f"wrote {picture}", file=sys.stderr)


run = partial(app.run, main, DESCRIPTION, positional={"files": ".tflite files"})
