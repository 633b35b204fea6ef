"""Import of tf_keras and TF-MOT beside Keras 3.

`keras` and `tf.keras` stay Keras 3 in this process. If `tf.keras` is tf_keras already, because TF-MOT was imported
first or TF_USE_LEGACY_KERAS is set, it stays so.
"""

import functools
import importlib
import os
import warnings
from types import ModuleType

from tfslim._support.extras import name_extra

_SWITCH = "TF_USE_LEGACY_KERAS"


def tf_keras() -> ModuleType:
    """Return the package tf_keras.

    Raises:
        ImportError: it is not installed, or Keras runs on another backend than TensorFlow.
    """
    return _packages()[0]


def tfmot() -> ModuleType:
    """Return the package tensorflow_model_optimization.

    Raises:
        ImportError: it is not installed, or Keras runs on another backend than TensorFlow.
    """
    return _packages()[1]


def experimental_clustering() -> ModuleType:
    """Return TF-MOT's clustering module that can keep zeros.

    Its documented name is not importable until the module is loaded.
    """
    tfmot()
    return importlib.import_module("tensorflow_model_optimization.python.core.clustering.keras.experimental.cluster")


@functools.cache
def _packages() -> tuple[ModuleType, ModuleType]:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ImportError(
            f"tfslim.tfmot needs Keras on the TensorFlow backend, this process runs {keras.backend.backend()!r}: "
            "set KERAS_BACKEND=tensorflow before Keras is imported"
        )
    switch = os.environ.get(_SWITCH)
    try:
        # tf.keras stays the Keras that it is at first access; TF-MOT switches it to the old one. Both versions of Keras
        # have a Model.
        _ = importlib.import_module("tensorflow").keras.Model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TF-MOT uses distutils to compare versions
            return importlib.import_module("tf_keras"), importlib.import_module("tensorflow_model_optimization")
    except ModuleNotFoundError as error:
        raise name_extra(error, "tfslim.tfmot") from error
    finally:
        os.environ.pop(_SWITCH, None)
        if switch is not None:
            os.environ[_SWITCH] = switch
