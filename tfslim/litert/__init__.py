"""From a Keras model to a .tflite file, and that file run and compared with the model it came from."""

import importlib

# No module may be called like what it offers: importing it would put the module in the place of the function.
_HOMES = {
    "convert": "tfslim.litert.conversion",
    "ConversionError": "tfslim.litert.conversion",
    "FileSummary": "tfslim.litert.file_summary",
    "lint": "tfslim.litert.linting",
    "LintResult": "tfslim.litert.linting",
    "ModelFileError": "tfslim.litert.flatfile",
    "read": "tfslim.litert.file_summary",
    "slim_file": "tfslim.litert.slimming",
    "Runner": "tfslim.litert.runner",
    "predict": "tfslim.litert.runner",
    "verify": "tfslim.litert.verification",
    "Verification": "tfslim.litert.verification",
    "diagnose": "tfslim.litert.doctor",
    "Diagnosis": "tfslim.litert.doctor",
    "prepare_for_edgetpu": "tfslim.litert.preparing",
    "Metadata": "tfslim.litert.metadata",
    "with_metadata": "tfslim.litert.metadata",
    "benchmark": "tfslim.litert.timing",
    "Timing": "tfslim.litert.timing",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str):
    # Loaded on first use: `import tfslim` must bring neither TensorFlow nor the interpreter along.
    if name not in _HOMES:
        raise AttributeError(f"module 'tfslim.litert' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
