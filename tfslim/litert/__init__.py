"""From a Keras model to a .tflite file, and that file run and compared with the model it came from."""

import importlib

# No module may be called like what it offers: importing it would put the module in the place of the function.
_HOMES = {
    "convert": "tfslim.litert.conversion",
    "ConversionError": "tfslim.litert.conversion",
    "ModelFileError": "tfslim.litert.flatfile",
    "Runner": "tfslim.litert.runner",
    "predict": "tfslim.litert.runner",
    "verify": "tfslim.litert.verification",
    "Verification": "tfslim.litert.verification",
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
