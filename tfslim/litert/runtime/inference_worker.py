"""Program that runs a .tflite file; `runtime.isolated` starts it.

It works in LiteRT's Python and in that of TensorFlow 2.6 (Python 3.9, NumPy 1.19).
"""

import json
import sys

__all__ = ["interpreter_class"]


def interpreter_class() -> type:
    """Return LiteRT's interpreter class, or TensorFlow's without LiteRT."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow

        return tensorflow.lite.Interpreter
    return Interpreter


def main() -> int:
    """Run the file named on the command line.

    The arguments are PATH RUNS IN.npz OUT.npz. Both archives name their arrays "RUN-POSITION", with the position of the
    input or output in the graph.

    Returns:
        The exit code: 0, or 1 after a line of JSON with "error" on stdout if the file can't be run.
    """
    path, runs, input_file, output_file = sys.argv[1:5]
    import numpy as np

    interpreter = interpreter_class()
    try:
        runner = interpreter(model_path=path)
        runner.allocate_tensors()
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        results = {}
        with np.load(input_file) as arrays:
            for run in range(int(runs)):
                for position, details in enumerate(inputs):
                    runner.set_tensor(details["index"], arrays[f"{run}-{position}"])
                runner.invoke()
                for position, details in enumerate(outputs):
                    results[f"{run}-{position}"] = runner.get_tensor(details["index"])
        np.savez(output_file, **results)
    except Exception as error:
        print(json.dumps({"error": " ".join(str(error).split())}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
