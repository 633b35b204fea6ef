"""tf_keras and TF-MOT, loaded so that Keras 3 stays what `keras` and `tf.keras` mean in this process.

Where `tf.keras` means tf_keras already, since TF-MOT came first or TF_USE_LEGACY_KERAS is set, that stays so.
"""

import functools
import importlib
import os
import warnings
from types import ModuleType

_SWITCH = "TF_USE_LEGACY_KERAS"
_ADVICE = 'pip install "tfslim-edge[tfmot]"'


def tf_keras() -> ModuleType:
    """The package tf_keras.

    Raises:
        ImportError: it is not installed, or Keras runs on another backend than TensorFlow.
    """
    return _packages()[0]


def tfmot() -> ModuleType:
    """The package tensorflow_model_optimization.

    Raises:
        ImportError: it is not installed, or Keras runs on another backend than TensorFlow.
    """
    return _packages()[1]


def experimental_clustering() -> ModuleType:
    """TF-MOT's clustering that can keep zeros; its own documented name for it leads nowhere until it is loaded."""
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
        # Whichever Keras tf.keras is when first asked, it remains; TF-MOT turns the switch to the old one. Both Kerases
        # have a Model.
        _ = importlib.import_module("tensorflow").keras.Model
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TF-MOT asks distutils for versions
            return importlib.import_module("tf_keras"), importlib.import_module("tensorflow_model_optimization")
    except ImportError as error:
        missing = error.name or str(error)
        raise ImportError(
            f"tfslim.tfmot needs tf_keras and TF-MOT, and {missing} is not installed: {_ADVICE}"
        ) from error
    finally:
        os.environ.pop(_SWITCH, None)
        if switch is not None:
            os.environ[_SWITCH] = switch
