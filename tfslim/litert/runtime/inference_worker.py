"""Runs a .tflite file on given inputs; `tfslim.litert.runtime.isolated` starts it as a process of its own.

It runs in LiteRT's Python and in that of TensorFlow 2.6 alike (Python 3.9, NumPy 1.19).
"""

import json
import sys


def interpreter_class() -> type:
    """LiteRT's interpreter where there is one, else TensorFlow's."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow

        return tensorflow.lite.Interpreter
    return Interpreter


def main() -> int:
    """Runs file PATH RUNS times on the arrays of IN.npz ("RUN-PLACE") and writes its outputs, so named, to OUT.npz."""
    path, runs, taken, given = sys.argv[1:5]
    import numpy as np

    interpreter = interpreter_class()
    try:
        runner = interpreter(model_path=path)
        runner.allocate_tensors()
        inputs, outputs = runner.get_input_details(), runner.get_output_details()
        found = {}
        with np.load(taken) as arrays:
            for run in range(int(runs)):
                for place, details in enumerate(inputs):
                    runner.set_tensor(details["index"], arrays[f"{run}-{place}"])
                runner.invoke()
                for place, details in enumerate(outputs):
                    found[f"{run}-{place}"] = runner.get_tensor(details["index"])
        np.savez(given, **found)
    except Exception as error:
        print(json.dumps({"error": " ".join(str(error).split())}))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
