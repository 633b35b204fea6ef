"""Stores a trained network in few bits, or in int8, and trains it on so that it loses little; see `--help`."""

import pathlib
import sys

from tfslim.cli import app
from tfslim.training import run_folder
from tfslim.training.recipe import Clustering, Distillation, Int8, Quantization, Recipe, Sparsity

DESCRIPTION = """\
With `quantization`, snaps the weights of a trained network to codebooks, at so many bits or under a budget of bytes,
and trains on with the weights in few bits all the while, taught or alone. Leaves a run folder as train.py writes it,
the packed file model.tfslim, and the network as it was after snapping alone (post-training.keras).

With `sparsity`, `clustering` and `int8`, any of them, the network is trained until its small weights are zeros, then
until its kernels have few values, then with the roundings of int8, each step keeping what came before. Leaves
sparse.keras, clustered.keras, model-int8.tflite and, to compare with, post-training-int8.tflite.

Both end with a table of the network and what became of it: table, JSON and CSV.

examples:
  python training/quantize.py --config training/recipes/flame-few-bits.yaml --data celeba --trained runs/flame \\
      --out runs/flame-few-bits
  python training/quantize.py --config training/recipes/flame-few-bits.yaml --data celeba --trained runs/flame \\
      --teacher runs/vgg11 --quantization.budget '300 kB' --quantization.bits null --out runs/flame-300
  python training/quantize.py --config training/recipes/flame-few-bits.yaml --data celeba --trained runs/flame \\
      --out runs/flame-few-bits --resume
  python training/quantize.py --config training/recipes/flame-few-bits.yaml --data celeba --trained runs/flame --dry-run
  python training/quantize.py --config training/recipes/slimnet-int8.yaml --data celeba --trained runs/slimnet \\
      --out runs/slimnet-int8
  python training/quantize.py --config training/recipes/slimnet-sparse-int8.yaml --data celeba --trained runs/slimnet \\
      --sparsity.share 0.5 --out runs/slimnet-sparse
"""
FAILED = 1  # exit code


def main(
    recipe: Recipe,
    trained: str,
    quantization: Quantization | None = None,
    sparsity: Sparsity | None = None,
    clustering: Clustering | None = None,
    int8: Int8 | None = None,
    teacher: str | None = None,
    distillation: Distillation = Distillation(),
    out: str = "runs/quantized",
    resume: bool = False,
    check_images: bool = False,
    dry_run: bool = False,
) -> int:
    """Quantises a network.

    Args:
        recipe: the data, and how to train on: `stages` are the epochs of each step.
        trained: the network: a run folder or a .keras file.
        quantization: how many bits, and for which weights.
        sparsity: the share of zeros.
        clustering: how many values a kernel has.
        int8: the last step, whose file computes in int8.
        teacher: a trained teacher to learn from meanwhile: a run folder or a .keras file.
        distillation: what to copy from the teacher.
        out: the folder to write.
        resume: see `run_folder.FLAGS`.
        check_images: see `run_folder.FLAGS`.
        dry_run: see `run_folder.FLAGS`.
    """
    steps = sparsity or clustering or int8
    if bool(quantization) == bool(steps):
        raise ValueError("give either quantization (few bits), or some of sparsity, clustering and int8")
    folder = pathlib.Path(out)
    if resume or not dry_run:
        run_folder.check_folder(folder, resume)
    celeba = run_folder.open_data(recipe, check_images)
    begun = folder if resume else None

    if quantization:
        from tfslim.workflows import weight_quantization

        run = weight_quantization.prepare_weight_quantization(
            recipe, celeba, trained, quantization, teacher, distillation, begun
        )
    else:
        from tfslim.workflows import int8_training

        run = int8_training.prepare_int8_training(
            recipe, celeba, trained, sparsity, clustering, int8, teacher, distillation, begun
        )
    print(run.summary())
    if dry_run:
        return 0

    from tfslim.litert import ConversionError

    with run_folder.working(folder, run.written, resume):
        try:
            run.compress(folder, resume, verbose=1 if sys.stdout.isatty() else 2)
        except ConversionError as error:
            print(f"error: {error}", file=sys.stderr)
            return FAILED
        run.write_table(folder)
    return 0


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(main, DESCRIPTION, flags=run_folder.FLAGS, recipe="recipe")
