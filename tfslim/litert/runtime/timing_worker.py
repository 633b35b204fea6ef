"""Times one .tflite file; `tfslim.litert.runtime.timing` starts it as a process of its own."""

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_MOST_MEMORY = 8 * 2**30  # bytes of address space; a damaged file may ask for any amount


def limit_memory() -> None:
    """Makes a file that asks for too much memory an error of this process, and not of the machine."""
    try:
        import resource
    except ImportError:  # not on Windows
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY or most > _MOST_MEMORY:
        resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, most))


def peak_memory() -> int:
    """Bytes of memory that this process has held at most."""
    status = Path("/proc/self/status")
    if status.exists():
        # What getrusage says on Linux is that of the process that started this one, where that was more.
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text()).group(1))
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def values_for(rng: "np.random.Generator", details: dict) -> "np.ndarray":
    """Values for an input: of the whole range for 8 and 16 bits, zeros for what may be indices, else of 0 to 1."""
    import numpy as np

    dtype, shape = np.dtype(details["dtype"]), tuple(details["shape"])
    if dtype.kind in "iu" and dtype.itemsize < 4:
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    if dtype.kind == "f":
        return rng.random(shape).astype(dtype)
    if dtype.kind in "iub":
        return np.zeros(shape, dtype)
    raise ValueError(f"input {details['name']!r} is of {dtype}, for which there are no values to draw")


def timed(path: str, threads: int, xnnpack: bool, runs: int, warmup: int) -> dict:
    """Load time, latencies (seconds) and memory of a file."""
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
    """Times PATH with THREADS, XNNPACK (1 or 0), RUNS and WARMUP; the last line printed is JSON."""
    path, (threads, xnnpack, runs, warmup) = sys.argv[1], map(int, sys.argv[2:6])
    try:
        limit_memory()
        found = timed(path, threads, bool(xnnpack), runs, warmup)
    except (Exception, MemoryError) as error:
        print(json.dumps({"error": " ".join(str(error).split()) or type(error).__name__}))
        return 1
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
