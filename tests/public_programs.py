"""Run the programs of training/ and export/ and read flags, recipe keys and exit codes."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
NETWORK = '--data missing --model.name SlimNet --stages [{"epochs":1,"size":[32,32]}]'
IDENTITY = "--task identity"
ROW = '[{"name":"a","trained":"b"}]'
# program -> a command line that parses, and that the program then refuses as a user's mistake
MISTAKES = {
    "training/train.py": NETWORK,
    "training/distill.py": f"{NETWORK} --teacher missing",
    "training/prune.py": f"{NETWORK} --trained missing --pruning.ratio 0.5",
    "training/quantize.py": f"{NETWORK} --trained no --sparsity.share 0.7 --clustering.clusters 16 --int8.by tfmot",
    "training/evaluate.py": "missing --data missing",
    "training/predict.py": "missing missing",
    "training/draw_faces.py": "file/faces",
    "training/spread.py": "missing",
    "training/compare_pruning.py": "missing --out out",
    "training/stage1.py": f'{NETWORK} {IDENTITY} --rows [{{"name":"a"}}]',
    "training/stage2.py": f"{NETWORK} {IDENTITY} --trained no --teacher t --rows {ROW} --curve [] --curve_bits []",
    "export/tflite.py": "missing --data missing",
    "export/lint.py": "missing",
    "export/edgetpu.py": "file --out file",
    "export/edgetpu_table.py": "--out missing/table.md",
    "export/benchmark.py": "missing",
    "export/old_loader.py": "missing --python no-such-python",
}
WITH_RECIPES = [program for program, words in MISTAKES.items() if NETWORK in words]
ALL_KEYS = {"training/quantize.py": "--quantization.codec log_min_max"}  # --print_config shows what is given
# what is tried -> program and words; the files are those that `public_surface.surface` makes
OUTCOMES = {
    "a clean file": ("export/lint.py", "clean.tflite"),
    "a file with an error finding": ("export/lint.py", "float.tflite"),
    "a file that is not a model": ("export/lint.py", "file"),
    "the same to edgetpu.py": ("export/edgetpu.py", "file"),
    "a recipe that is not there": ("training/train.py", "--config missing.yaml"),
    "a wrong value": ("training/draw_faces.py", "faces --count many"),
    "a missing option": ("training/evaluate.py", "missing"),
    "hyphens for underscores": ("training/train.py", f"{NETWORK} --dry-run --print_config"),
}


def run(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Run Python in `folder`, with help text on unwrapped lines."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "training")])
    environment = os.environ | {"PYTHONPATH": path, "COLUMNS": "9999", "NO_COLOR": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, f"{words}:\n{done.stderr}"
    return done


def run_program(folder: Path, program: str, words: str) -> subprocess.CompletedProcess:
    return run(folder, str(ROOT / program), *words.split())


def flags_of(help_text: str) -> dict[str, dict]:
    """Parse the options and positional arguments of a `--help` text."""
    flags: dict[str, dict] = {}
    heading, lines = "", help_text.splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        heading = line if line[:1].strip() else heading
        item = re.fullmatch(r"  (\S.*?)(?: {2,}(\S.*))?", line)
        positional = heading.startswith("positional")
        if not item or not (positional or item[1].startswith("-")):
            continue
        help_line = item[2] or following
        kind = re.search(r"type: (.*?)(?:, default: .*)?\)$", help_line)
        default = re.search(r".*\bdefault: (.*)\)$", help_line)
        about: dict = {"optional": True} if "(required" not in help_line else {}
        about |= {"default": default[1]} if default else {}
        choices = re.findall(r"'([^']*)'", kind[1]) if kind else []
        about |= {"choices": sorted(choices)} if choices else {}
        ways = re.split(r", (?=-)", item[1])
        takes = "value" if positional or any(" " in way for way in ways) else "nothing"
        if positional:
            takes = "values" if f"{item[1]} [{item[1]} ...]" in help_text else takes
            about["place"] = sum("place" in flag for flag in flags.values()) + 1
        flags |= {way.partition(" ")[0]: about | {"takes": takes} for way in ways}
    return flags


def all_flags(folder: Path, program: str) -> dict[str, dict]:
    """Return the flags of `--help` and of each `--quantization.help` it names."""
    flags = flags_of(run_program(folder, program, "--help").stdout)
    for name in [name for name in flags if name.endswith(".help")]:
        flags |= flags_of(run_program(folder, program, name).stdout)
    return flags


def flat(value: object, key: str = "") -> dict[str, str]:
    """Flatten to dotted key -> JSON; `rows[].name` for the items of a list."""
    if isinstance(value, dict) and value:
        return {name: text for part, inner in value.items() for name, text in flat(inner, f"{key}.{part}").items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return flat(value[0], f"{key}[]")
    return {key[1:]: json.dumps(value)}


def recipe_keys(folder: Path, program: str) -> dict[str, str]:
    words = f"{MISTAKES[program]} {ALL_KEYS.get(program, '')} --print_config"
    return flat(yaml.safe_load(run_program(folder, program, words).stdout))


def exit_codes(folder: Path, program: str) -> dict[str, int]:
    right = MISTAKES[program]
    tried = {"--help": "--help", "unknown flag": f"{right} --no_such_flag", "mistake": right}
    return {what: run_program(folder, program, words).returncode for what, words in tried.items()}
