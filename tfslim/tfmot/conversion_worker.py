"""Process that converts a quantization-aware SavedModel.

TensorFlow's converter runs in a process of its own, since it may crash.
"""

import sys
from pathlib import Path

ERROR_MARK = "tfslim-conversion-error: "


def convert_trained_folder(folder: Path, io: str) -> None:
    """Convert `folder`/model to `folder`/result.tflite, in int8.

    The ranges are those in the graph.
    """
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "model"))
    # No representative dataset: it would add measured ranges beside the trained ones.
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = getattr(tf, io)
    (folder / "result.tflite").write_bytes(converter.convert())


def main() -> int:
    """Convert the folder named on the command line.

    Returns:
        0, or 1 after a marked last line on stderr if the conversion fails.
    """
    try:
        convert_trained_folder(Path(sys.argv[1]), sys.argv[2])
    except Exception as error:
        message = " ".join(str(error).split())[:500]
        print(f"{ERROR_MARK}{type(error).__name__}: {message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
