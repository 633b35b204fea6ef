"""Runs TensorFlow's converter; `converter_process` starts it as a process of its own, since some conversions crash."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

ERROR_MARK = "tfslim-conversion-error: "


def convert_folder(folder: Path) -> None:
    """Converts `folder`/model (a SavedModel) by `folder`/job.json to `folder`/result.tflite."""
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
    """Gives a `tf.lite.TFLiteConverter` all that `tfslim.litert.convert` was asked for.

    Args:
        converter: made from a SavedModel, Keras or tf_keras model with one signature.
        job: "quantization", "target" and "io", as `convert` takes them.
        samples: input name -> (N, ...) representative values, for integer quantisation.
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
        # With the plain operators behind it, what has no 16-bit kernel stays in float in place of an error.
        chosen = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [chosen, ops.TFLITE_BUILTINS]
    if job["quantization"] == "int8":
        converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8]
        # Interpreters as old as the Edge TPU compiler load a dense layer of one scale a unit and answer a constant.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = job["target"] == "edgetpu"


def main() -> int:
    """Converts the folder named on the command line; 1 and a marked line on stderr where that fails."""
    try:
        convert_folder(Path(sys.argv[1]))
    except Exception as error:
        # On stderr and not in a file: the disk may be what is full.
        print(ERROR_MARK + json.dumps({"type": type(error).__name__, "message": str(error)}), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
