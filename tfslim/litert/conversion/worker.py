"""Program that converts a SavedModel; `converter_process` starts it.

It runs in a process of its own, since some conversions crash.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

__all__ = ["ERROR_MARK", "convert_folder", "set_converter"]

ERROR_MARK = "tfslim-conversion-error: "


def convert_folder(folder: Path) -> None:
    """Convert the SavedModel of a job folder to result.tflite.

    Args:
        folder: holds "model" (the SavedModel), "job.json" and the samples, as `run_converter` writes them.
    """
    import numpy as np
    import tensorflow as tf

    job = json.loads((folder / "job.json").read_text())
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "model"))
    samples = {
        name: np.load(folder / f"sample{number}.npy", mmap_mode="r") for number, name in enumerate(job["samples"])
    }
    set_converter(converter, job, samples)
    (folder / "result.tflite").write_bytes(converter.convert())


def set_converter(
    converter: "tf.lite.TFLiteConverter", job: Mapping[str, str], samples: Mapping[str, "np.ndarray"]
) -> None:
    """Configure a converter for the options of `tfslim.litert.convert`.

    Args:
        converter: made from a SavedModel, Keras or tf_keras model with one signature.
        job: "quantization", "target" and "io", as in `convert`.
        samples: input name -> (N, ...) representative values, for integer quantization.
    """
    import numpy as np
    import tensorflow as tf

    ops = tf.lite.OpsSet
    converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS]
    if job["quantization"] != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if job["quantization"] == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if job["quantization"] in ("int8", "int16x8"):

        def representative():
            for values in zip(*samples.values(), strict=True):
                yield {name: np.asarray(value)[None] for name, value in zip(samples, values, strict=True)}

        converter.representative_dataset = representative
        converter.inference_input_type = converter.inference_output_type = getattr(tf, job["io"])
    if job["quantization"] == "int16x8":
        # With the float operators as a fallback, an operator without a 16-bit kernel stays in float; else it fails.
        int16_ops = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [int16_ops, ops.TFLITE_BUILTINS]
    if job["quantization"] == "int8":
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8]
        # Interpreters as old as the Edge TPU compiler load a dense layer with a scale per unit and output a constant.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = job["target"] == "edgetpu"


def main() -> int:
    """Convert the folder named on the command line.

    Returns:
        The exit code: 0, or 1 after a marked line of JSON on stderr if the conversion fails.
    """
    try:
        convert_folder(Path(sys.argv[1]))
    except Exception as error:
        # On stderr and not in a file: the disk may be full.
        print(ERROR_MARK + json.dumps({"type": type(error).__name__, "message": str(error)}), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
