"""Compare the time of `tfslim.save_packed` with another revision of tfslim, in one run."""

import contextlib
import importlib.util
import io
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tfslim.cli import app

HERE = Path(__file__).resolve().parent

DESCRIPTION = """\
Measures tfslim.save_packed on VGG11 (120x120 and 64x64 pixels) and Slim-Net, with kernels in few bits by log min-max
and all else in float16, beside another revision of tfslim, which git takes out of the repository. Each build runs in
a process of its own; they take turns, round by round. "Planned" saves the model that quantize_weights returned, of
which save_packed knows the plan; "searched" saves a copy, of which it does not, as of a model loaded from a file. The
ratios are medians over the rounds, with the smallest and the largest, of the seconds that all cores worked, which
other programs on the machine disturb less than the time gone by. Entropy coding is measured where the library
constriction is installed.

Examples:
  python benchmarks/save_packed.py
  python benchmarks/save_packed.py --revision bb6808c --rounds 9 --at_most 0.4 --out save_packed.json
  python benchmarks/save_packed.py --untrained true
"""


def main(
    revision: str = "bb6808c",
    bits: int = 4,
    rounds: int = 5,
    untrained: bool = False,
    at_most: float | None = None,
    out: str | None = None,
) -> int:
    """Measures and prints a Markdown table.

    Args:
        revision: the revision of tfslim to compare with, as git names it
        bits: bits of the kernels' codes
        rounds: how often each is measured, after one round that does not count
        untrained: whether biases and batch normalisation stay as a new network has them, constant
        at_most: end with exit code 1 if a planned save takes more than this share of the other revision's time
        out: JSON file for the results
    """
    if rounds < 1 or not 2 <= bits <= 16:
        raise ValueError(f"rounds={rounds}, bits={bits}; expected 1 or more, and 2 to 16")
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        extract(revision, Path(folder) / "other")
        here, networks = stack.enter_context(peer(HERE.parent, folder, bits, untrained))
        other, _ = stack.enter_context(peer(Path(folder) / "other", folder, bits, untrained))
        coded = [False, True] if importlib.util.find_spec("constriction") else [False]
        cases = [{"network": name, "entropy_coding": each} for name in networks for each in coded]
        timings: list[dict[str, list[dict]]] = [{"other": [], "planned": [], "searched": []} for _ in cases]
        for turn in range(rounds + 1):
            for case, kept in zip(cases, timings, strict=True):
                measured = {
                    "other": other(case | {"planned": True}),
                    "planned": here(case | {"planned": True}),
                    "searched": here(case | {"planned": False}),
                }
                for name in kept if turn else ():
                    kept[name].append(measured[name])
    results = [summary(case, each) for case, each in zip(cases, timings, strict=True)]
    show(results, revision, bits, rounds, untrained)
    if out:
        from tfslim._support.files import replacing

        content = {"revision": revision, "bits": bits, "rounds": rounds, "untrained": untrained, "results": results}
        with replacing(out) as beside:
            Path(beside).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    worst = max(result["planned core ratio"][1] for result in results)
    return int(at_most is not None and worst > at_most)


def extract(revision: str, folder: Path) -> None:
    """Write the package of another revision into a folder."""
    command = ["git", "-C", str(HERE.parent), "archive", revision, "tfslim"]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode:
        raise ValueError(f"git archive of {revision!r} failed: {archive.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")


@contextlib.contextmanager
def peer(build: Path, folder: str, bits: int, untrained: bool) -> Iterator[tuple[Callable[[dict], dict], list[str]]]:
    """Yield a function that saves a network with the build in a folder, and the networks' names."""
    path = str(Path(folder) / f"{build.name}.tfslim")
    command = [sys.executable, str(HERE / "save_packed_peer.py"), path, str(bits), str(untrained)]
    environment = os.environ | {"PYTHONPATH": str(build)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        said = json.loads(process.stdout.readline() or "{}")
        if not said or not Path(said["tfslim"]).samefile(build):
            raise ValueError(f"{HERE / 'save_packed_peer.py'} did not start with the tfslim of {build}: {said}")

        def turn(case: dict) -> dict:
            print(json.dumps(case), file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        yield turn, said["networks"]
        process.stdin.close()


def summary(case: dict, timings: dict[str, list[dict]]) -> dict:
    """Milliseconds and ratios of one network; the ratios' least, median and largest."""
    result = dict(case)
    for clock in ("core", "wall"):
        for name, rows in timings.items():
            result[f"{name} {clock} ms"] = [round(1000 * each, 1) for each in _spread([row[clock] for row in rows])]
        for name in ("planned", "searched"):
            pairs = zip(timings[name], timings["other"], strict=True)
            result[f"{name} {clock} ratio"] = [
                round(each, 3) for each in _spread([a[clock] / b[clock] for a, b in pairs])
            ]
    files = {name: rows[0] for name, rows in timings.items()}
    result["bytes"] = {name: row["bytes"] for name, row in files.items()}
    result["same bytes"] = len({row["sha256"] for row in files.values()}) == 1
    return result


def show(results: list[dict], revision: str, bits: int, rounds: int, untrained: bool) -> None:
    """Prints the results as a Markdown table."""
    kind = "untrained" if untrained else "with random biases and batch normalisation"
    print(f"save_packed of networks {kind}, kernels in {bits} bits, {rounds} rounds; median (least to largest)\n")
    print(
        f"| network | coding | {revision}, ms | planned, ms | ratio | wall ratio | searched, ms | ratio | same bytes |"
    )
    print("|---|---|--:|--:|--:|--:|--:|--:|---|")
    for each in results:
        cells = [
            each["network"],
            "entropy" if each["entropy_coding"] else "packed",
            _cell(each["other core ms"], ".0f"),
            _cell(each["planned core ms"], ".0f"),
            _cell(each["planned core ratio"], ".2f"),
            _cell(each["planned wall ratio"], ".2f"),
            _cell(each["searched core ms"], ".0f"),
            _cell(each["searched core ratio"], ".2f"),
            "yes" if each["same bytes"] else "no: " + ", ".join(map(str, each["bytes"].values())),
        ]
        print(f"| {' | '.join(cells)} |")


def _spread(values: list[float]) -> tuple[float, float, float]:
    return min(values), statistics.median(values), max(values)


def _cell(spread: list[float], form: str) -> str:
    least, median, largest = (format(each, form) for each in spread)
    return f"{median} ({least} to {largest})"


if __name__ == "__main__":
    app.run(main, DESCRIPTION)
