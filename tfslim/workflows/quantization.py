"""Quantization of a network, and comparison of its steps.

The network is trained on in few bits, with zeros and clusters, or for int8.
"""

import sys
from pathlib import Path

from tfslim.litert import ConversionError
from tfslim.training.epoch_lines import fit_verbosity
from tfslim.training.recipe import Clustering, Distillation, Int8, Quantization, Recipe, Sparsity
from tfslim.training.run_folder import check_folder, open_data, working

__all__ = ["quantize_network"]

FAILED = 1  # exit code


def quantize_network(
    recipe: Recipe,
    trained: str,
    out: str,
    quantization: Quantization | None = None,
    sparsity: Sparsity | None = None,
    clustering: Clustering | None = None,
    int8: Int8 | None = None,
    teacher: str | None = None,
    distillation: Distillation = Distillation(),
    resume: bool = False,
    check_images: bool = False,
    dry_run: bool = False,
) -> int:
    """Quantize a trained network; write its files and table.

    Args:
        recipe: the data, and how to train on: `stages` are the epochs of each step.
        trained: the network: a run folder or a `.keras` file.
        out: the folder to write.
        quantization: store the weights in few bits; excludes the three that follow.
        sparsity: train small weights to zeros.
        clustering: train kernels to few values.
        int8: train with int8's rounding, and convert.
        teacher: a trained teacher to learn from: a run folder or a `.keras` file.
        distillation: what to copy from the teacher.
        resume: continue the run in `out` from its last whole epoch.
        check_images: decode every image before training.
        dry_run: check everything, print what would be done, and stop.

    Returns:
        The exit code: 1 if the .tflite file could not be made.

    Raises:
        ValueError: recipe, network, teacher and data do not fit, or `out` holds another run.

    Example:
        >>> recipe = Recipe(data="faces", model=Network("SlimNet"), stages=[Stage(2, (109, 89))])
        >>> quantize_network(recipe, "runs/slimnet", "runs/slimnet-int8", int8=Int8(by="native"))
        0
    """
    if bool(quantization) == bool(sparsity or clustering or int8):
        raise ValueError("give either quantization (few bits), or some of sparsity, clustering and int8")
    folder = Path(out)
    if resume or not dry_run:
        check_folder(folder, resume)
    celeba = open_data(recipe, check_images)
    begun = folder if resume else None
    if quantization:
        from tfslim.workflows.weight_quantization import prepare_weight_quantization

        run = prepare_weight_quantization(recipe, celeba, trained, quantization, teacher, distillation, begun)
    else:
        from tfslim.workflows.int8_training import prepare_int8_training

        run = prepare_int8_training(recipe, celeba, trained, sparsity, clustering, int8, teacher, distillation, begun)
    print(run.summary())
    if dry_run:
        return 0
    with working(folder, run.written, resume):
        try:
            run.compress(folder, resume, fit_verbosity())
        except ConversionError as error:
            print(f"error: {error}", file=sys.stderr)
            return FAILED
        run.write_table(folder)
    return 0
