"""Subcommands of `tfslim`, and the text of `tfslim --help`.

The module imports nothing else, so that it is quick.
"""

# group -> subcommand -> a line of help; the module in tfslim.cli has the subcommand's name, with _ for -
GROUPS: dict[str, dict[str, str]] = {
    "train": {
        "train": "train a network from a recipe",
        "distill": "train a student on labels and a teacher's outputs",
        "prune": "remove the filters of a trained network while it trains on",
        "quantize": "train a network on in few bits, with zeros, or for int8",
        "stage1": "train a teacher and its students: the Flame paper's table",
        "stage2": "store these in few bits: the Flame paper's second table",
    },
    "make files": {
        "export": "make the .tflite files of a model, and compare each with it",
        "edgetpu": "compile .tflite files for a Coral Edge TPU, and lint them",
        "draw-faces": "draw faces in CelebA's layout, to try without a download",
    },
    "look": {
        "evaluate": "measure models on attributes, identities or verification",
        "predict": "say which attributes a model sees in photos",
        "lint": "say whether .tflite files would run on a Coral Edge TPU",
        "benchmark": "time .tflite files on this machine",
        "old-loader": "run .tflite files in TensorFlow 2.6, and compare",
        "edgetpu-table": "lint every model of the zoo for the Edge TPU",
        "spread": "merge the tables of one recipe's seeds: mean and deviation",
        "compare-pruning": "compare prunings by different importance scores",
        "recipes": "list the packaged recipes, or print one",
    },
}
COMMANDS = {name: line for group in GROUPS.values() for name, line in group.items()}

EXAMPLES = """\
examples:
  tfslim draw-faces faces --count 2400 --identities 60 --height 109 --width 89
  tfslim train --config demo --data faces --out runs/demo
  tfslim export runs/demo --data faces --kinds float32,int8
  tfslim lint runs/demo/model-int8.tflite
"""


def help_text() -> str:
    """Return the text of `tfslim --help`."""
    lines = ["usage: tfslim COMMAND [OPTIONS]", "", "Compact face networks: train, prune, quantize, export.", ""]
    for group, commands in GROUPS.items():
        lines += [f"{group}:", *(f"  {name:17}{line}" for name, line in commands.items()), ""]
    lines += [
        "options:",
        "  COMMAND --help   show the options of a command, with examples",
        "  --version        show the version of tfslim",
        "  --print-completion {bash,zsh,tcsh}",
        "                   print a script that completes commands and options",
        "",
    ]
    return "\n".join(lines) + "\n" + EXAMPLES
