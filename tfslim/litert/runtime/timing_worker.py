"""Program that times one .tflite file; `runtime.timing` starts it."""

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["limit_memory", "peak_memory", "timed", "values_for"]

_MAX_MEMORY = 8 * 2**30  # bytes of address space; a damaged file may ask for any amount


def limit_memory() -> None:
    """Limit this process to 8 GiB of address space.

    A file that asks for more then fails in this process, before it exhausts the machine's memory.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard_limit = resource.getrlimit(resource.RLIMIT_AS)
    if hard_limit == resource.RLIM_INFINITY or hard_limit > _MAX_MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY, hard_limit))


def peak_memory() -> int:
    """Return this process's peak memory in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux getrusage reports the peak of the parent process if that was higher.
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return 1024 * int(found[1])
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def values_for(rng: "np.random.Generator", details: dict) -> "np.ndarray":
    """Draw values for an input.

    They cover the whole range for 8 and 16 bits, are zeros for integers that may be indices, and lie in 0..1 for
    floating point.

    Args:
        rng: source of random numbers.
        details: the input's details from the interpreter.

    Raises:
        ValueError: if values can't be drawn for the input's dtype.
    """
    import numpy as np

    dtype, shape = np.dtype(details["dtype"]), tuple(details["shape"])
    if dtype.kind in "iu" and dtype.itemsize < 4:
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    if dtype.kind == "f":
        return rng.random(shape).astype(dtype)
    if dtype.kind in "iub":
        return np.zeros(shape, dtype)
    raise ValueError(f"input {details['name']!r} has dtype {dtype}; values can be drawn for numbers and booleans only")


def timed(path: str, threads: int, xnnpack: bool, runs: int, warmup: int) -> dict:
    """Measure load time, latencies and memory of a file.

    Returns:
        "load" and "first" in seconds, "seconds" of each timed run, and "memory", the peak in bytes.
    """
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    before = peak_memory()
    kind = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    start = time.perf_counter()
    interpreter = Interpreter(model_path=path, num_threads=threads, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    load = time.perf_counter() - start
    rng = np.random.default_rng(0)
    for details in interpreter.get_input_details():
        interpreter.set_tensor(details["index"], values_for(rng, details))
    seconds = []
    for _ in range(warmup + runs):
        start = time.perf_counter()
        interpreter.invoke()
        seconds.append(time.perf_counter() - start)
    return {"load": load, "first": seconds[0], "seconds": seconds[warmup:], "memory": peak_memory() - before}


def main() -> int:
    """Time the file named on the command line.

    The arguments are PATH THREADS XNNPACK RUNS WARMUP; XNNPACK is 1 or 0. The last line printed is JSON.

    Returns:
        The exit code: 0, or 1 if the JSON holds "error".
    """
    path, (threads, xnnpack, runs, warmup) = sys.argv[1], map(int, sys.argv[2:6])
    try:
        limit_memory()
        result = timed(path, threads, bool(xnnpack), runs, warmup)
    except (Exception, MemoryError) as error:
        print(json.dumps({"error": " ".join(str(error).split()) or type(error).__name__}))
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
