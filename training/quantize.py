"""Stores a trained network's weights in few bits, and trains it on so that it loses little; see `--help`."""

import pathlib
import sys

import program
import run_folder
from recipe import Distillation, Quantization, Recipe

DESCRIPTION = """\
Snaps the weights of a trained network to codebooks, at so many bits or under a budget of bytes, and trains on with the
weights in few bits all the while, taught or alone. Leaves a run folder as train.py writes it, the packed file
model.tfslim, the network as it was after snapping alone (post-training.keras), and a table of the three: table, JSON
and CSV.

examples:
  python training/quantize.py --config training/recipes/flame-few-bits.yaml --data celeba --trained runs/flame \\
      --out runs/flame-few-bits
  python training/quantize.py --config training/recipes/flame-few-bits.yaml --data celeba --trained runs/flame \\
      --teacher runs/vgg11 --quantization.budget '300 kB' --quantization.bits null --out runs/flame-300
  python training/quantize.py --config training/recipes/flame-few-bits.yaml --data celeba --trained runs/flame \\
      --out runs/flame-few-bits --resume
  python training/quantize.py --config training/recipes/flame-few-bits.yaml --data celeba --trained runs/flame --dry-run
"""


def main(
    recipe: Recipe,
    trained: str,
    quantization: Quantization,
    teacher: str | None = None,
    distillation: Distillation = Distillation(),
    out: str = "runs/quantized",
    resume: bool = False,
    check_images: bool = False,
    dry_run: bool = False,
) -> None:
    """Quantises a network.

    Args:
        recipe: the data, and how to train on: `stages` are the epochs with weights in few bits.
        trained: the network: a run folder or a .keras file.
        quantization: how many bits, and for which weights.
        teacher: a trained teacher to learn from meanwhile: a run folder or a .keras file.
        distillation: what to copy from the teacher.
        out: the folder to write.
        resume: see `run_folder.FLAGS`.
        check_images: see `run_folder.FLAGS`.
        dry_run: see `run_folder.FLAGS`.
    """
    folder = pathlib.Path(out)
    celeba = run_folder.open_data(recipe, check_images)

    import quantization_run

    run = quantization_run.prepare(recipe, celeba, trained, quantization, teacher, distillation)
    print(run.summary())
    if dry_run:
        return
    run_folder.check_folder(folder, run.written, resume)
    run_folder.begin(folder, run.written)
    run.quantize(folder, resume, verbose=1 if sys.stdout.isatty() else 2)
    run.write_table(folder)


if __name__ == "__main__":
    program.run(main, DESCRIPTION, flags=run_folder.FLAGS, recipe="recipe")
