"""Runs TensorFlow's converter; `convert` starts it as a process of its own, since some conversions end in SIGSEGV."""

import json
import sys
from pathlib import Path

ERROR_MARK = "tfslim-conversion-error: "


def convert_folder(folder: Path) -> None:
    """Converts `folder`/model (a SavedModel) by `folder`/job.json to `folder`/result.tflite."""
    import numpy as np
    import tensorflow as tf

    job = json.loads((folder / "job.json").read_text())
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "model"))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if job["quantization"] != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if job["quantization"] == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if job["quantization"] == "int8":
        images = np.load(folder / "representative.npy", mmap_mode="r")

        def representative():
            for image in images:
                yield [np.asarray(image, "float32")[None]]

        converter.representative_dataset = representative
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = getattr(tf, job["io"])
        # Interpreters as old as the Edge TPU compiler load a dense layer of one scale a unit and answer a constant.
        converter._experimental_disable_per_channel_quantization_for_dense_layers = job["target"] == "edgetpu"
    (folder / "result.tflite").write_bytes(converter.convert())


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
