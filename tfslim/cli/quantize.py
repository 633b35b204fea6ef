"""`tfslim quantize`: training of a network for a compact file.

The network is trained on in few bits, with zeros and clusters, or for int8.
"""

from functools import partial

from tfslim.cli import app
from tfslim.training.recipe import Clustering, Distillation, Int8, Quantization, Recipe, Sparsity

DESCRIPTION = """\
With `quantization`, snaps the weights of a trained network to codebooks, at so many bits or under a budget of bytes,
and trains on with the weights in few bits all the while, taught or alone. Leaves a run folder as `tfslim train` writes
it, the packed file model.tfslim, and the network as it was after snapping alone (post-training.keras).

With `sparsity`, `clustering` and `int8`, any of them, the network is trained until its small weights are zeros, then
until its kernels have few values, then with the roundings of int8, each step keeping what came before. Leaves
sparse.keras, clustered.keras, model-int8.tflite and, to compare with, post-training-int8.tflite.

Both end with a table of the network and of each step's result: table, JSON and CSV.

examples:
  tfslim quantize --config flame-few-bits --data celeba --trained runs/flame --out runs/flame-few-bits
  tfslim quantize --config flame-few-bits --data celeba --trained runs/flame --teacher runs/vgg11 \\
      --quantization.budget '300 kB' --quantization.bits null --out runs/flame-300
  tfslim quantize --config flame-few-bits --data celeba --trained runs/flame --out runs/flame-few-bits --resume
  tfslim quantize --config flame-few-bits --data celeba --trained runs/flame --dry-run
  tfslim quantize --config slimnet-int8 --data celeba --trained runs/slimnet --out runs/slimnet-int8
  tfslim quantize --config slimnet-sparse-int8 --data celeba --trained runs/slimnet --sparsity.share 0.5 \\
      --out runs/slimnet-sparse
"""


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
    """Quantize a network.

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
        resume: see `app.RUN_FLAGS`.
        check_images: see `app.RUN_FLAGS`.
        dry_run: see `app.RUN_FLAGS`.
    """
    from tfslim.workflows.quantization import quantize_network

    steps = (quantization, sparsity, clustering, int8)
    return quantize_network(recipe, trained, out, *steps, teacher, distillation, resume, check_images, dry_run)


run = partial(app.run, main, DESCRIPTION, flags=app.RUN_FLAGS, recipe="recipe")
