"""Latency, memory and size of .tflite files."""

import dataclasses
import gzip
import os
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tfslim._support.child_process import crash_signal, last_words, printed_answer, run_child
from tfslim._support.extras import require
from tfslim._support.text import text_table
from tfslim.litert.flatbuffer.model_file import ModelFileError, check_tflite_path, open_file

__all__ = ["Benchmark", "Timing", "benchmark", "short_names"]


@dataclasses.dataclass(frozen=True)
class Timing:
    """Figures of one file under one setting; times in milliseconds.

    Attributes:
        path: the file.
        threads: CPU threads.
        xnnpack: whether XNNPACK, the interpreter's default delegate, was on.
        bytes, gzipped: size of the file in bytes.
        load_ms: time from opening the file until its tensors are allocated, median over the processes.
        first_ms: time of the first run, median over the processes.
        median_ms, p95_ms, min_ms: times of all runs after the warm-up.
        memory: peak bytes that loading and running the file added to its process.
        runs: number of timed runs.
    """

    path: Path
    threads: int
    xnnpack: bool
    bytes: int
    gzipped: int
    load_ms: float
    first_ms: float
    median_ms: float
    p95_ms: float
    min_ms: float
    memory: int
    runs: int

    def to_dict(self) -> dict:
        """Return plain values for JSON."""
        return dataclasses.asdict(self) | {"path": str(self.path)}


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Timings of files and settings; `print` shows a table."""

    timings: list[Timing]

    def to_dict(self) -> dict:
        """Return plain values for JSON."""
        return {"timings": [timing.to_dict() for timing in self.timings]}

    def __str__(self) -> str:
        fastest = min(timing.median_ms for timing in self.timings)
        names = short_names([timing.path for timing in self.timings])
        rows = [
            [
                names[timing.path],
                f"{timing.bytes:,}",
                f"{timing.gzipped:,}",
                str(timing.threads),
                "on" if timing.xnnpack else "off",
                f"{timing.load_ms:.1f}",
                f"{timing.first_ms:.2f}",
                f"{timing.median_ms:.2f}",
                f"{timing.p95_ms:.2f}",
                f"{timing.median_ms / fastest:.2f}",
                f"{timing.memory / 2**20:.1f}",
            ]
            for timing in self.timings
        ]
        head = ["file", "bytes", "gzipped", "threads", "XNNPACK", "load ms", "first ms", "median ms", "p95 ms", "ratio"]
        return text_table(rows, align="<" + ">" * 10, head=[*head, "memory MiB"])


def benchmark(
    paths: str | Path | Sequence[str | Path],
    threads: Sequence[int] = (1,),
    xnnpack: Sequence[bool] = (True,),
    runs: int = 50,
    warmup: int = 5,
    rounds: int = 3,
    timeout: float = 300.0,
) -> Benchmark:
    """Time .tflite files with ai-edge-litert on this machine's CPU.

    Each file and setting runs in processes of its own, so that a crash of the interpreter raises an error here. The
    settings take turns, so that other load on the machine affects all of them alike.

    Args:
        paths: One file or several, made by any converter.
        threads: Numbers of CPU threads, each 1 or more.
        xnnpack: Whether the XNNPACK delegate is on, (True, False) for both.
        runs: Timed runs in each round.
        warmup: Untimed runs before these.
        rounds: Number of processes for each setting.
        timeout: Seconds after which a process is ended.

    Returns:
        A `Timing` for each file, number of threads and state of XNNPACK, in this order.

    Raises:
        TypeError: If it is given something else than paths.
        ModelFileError: If a file is missing, damaged or too large, or the interpreter refuses it, crashes on it or does
            not end in time. It is a ValueError.
        ValueError: If a number is out of its range.

    Example:
        >>> print(tfslim.litert.benchmark(["face-float32.tflite", "face-int8.tflite"]))  # doctest: +SKIP
    """
    given = list(paths) if isinstance(paths, Iterable) and not isinstance(paths, str | os.PathLike) else [paths]
    for path in given:
        check_tflite_path(path)
    paths = [Path(path) for path in given]
    if not paths or not threads or not xnnpack:
        raise ValueError(
            f"got {len(paths)} files, threads {tuple(threads)}, xnnpack {tuple(xnnpack)}; pass at least one file, one "
            "number of threads and one state of XNNPACK"
        )
    if min(*threads, runs, rounds, warmup + 1) < 1 or timeout <= 0:
        raise ValueError(
            f"got threads {tuple(threads)}, runs {runs}, rounds {rounds}, warmup {warmup}, timeout {timeout}; expected "
            "1 or more, for warmup 0 or more, and a timeout above 0"
        )
    for path in paths:
        open_file(path)
    require("ai_edge_litert", "timing .tflite files")
    settings = [(Path(path), count, on) for path in paths for count in threads for on in xnnpack]
    results = {setting: [] for setting in settings}
    for _ in range(rounds):
        for setting in settings:
            results[setting].append(_run_worker(*setting, runs, warmup, timeout))
    return Benchmark([_timing(*setting, per_round) for setting, per_round in results.items()])


def short_names(paths: Sequence[Path]) -> dict[Path, str]:
    """Return a table's name for each file.

    It is the file's name, or the whole path if several files have the same name.

    Example:
        >>> short_names([Path("a/x.tflite"), Path("b/y.tflite")])[Path("a/x.tflite")]
        'x.tflite'
    """
    unique = set(paths)
    by_name = len({path.name for path in unique}) == len(unique)
    return {path: path.name if by_name else str(path) for path in unique}


def _run_worker(path: Path, threads: int, xnnpack: bool, runs: int, warmup: int, timeout: float) -> dict:
    worker = Path(__file__).with_name("timing_worker.py")
    numbers = [str(number) for number in (threads, int(xnnpack), runs, warmup)]
    try:
        outcome = run_child(worker, path, *numbers, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise ModelFileError(
            f"{path}: the interpreter did not end within {timeout:g} s; it was stopped; pass a longer timeout"
        ) from None
    if name := crash_signal(outcome):
        raise ModelFileError(f"{path}: the interpreter crashes on this file with {name}")
    answer = printed_answer(outcome)
    if not answer:
        raise ModelFileError(f"{path}: the interpreter ended without a result: {last_words(outcome)}")
    if "error" in answer:
        raise ModelFileError(f"{path}: the interpreter refuses this file: {answer['error']}")
    return answer


def _timing(path: Path, threads: int, xnnpack: bool, results: list[dict]) -> Timing:
    content = path.read_bytes()
    milliseconds = 1000 * np.concatenate([result["seconds"] for result in results])
    return Timing(
        path=path,
        threads=threads,
        xnnpack=xnnpack,
        bytes=len(content),
        gzipped=len(gzip.compress(content, 9, mtime=0)),
        load_ms=1000 * statistics.median(result["load"] for result in results),
        first_ms=1000 * statistics.median(result["first"] for result in results),
        median_ms=float(np.median(milliseconds)),
        p95_ms=float(np.percentile(milliseconds, 95)),
        min_ms=float(milliseconds.min()),
        memory=max(result["memory"] for result in results),
        runs=len(milliseconds),
    )
