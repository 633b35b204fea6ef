"""Common view of quantization-aware trained models.

They are models of tf_keras or Keras 3, viewed for `convert`.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras

from tfslim.quantization.int8.fake_quantize import FakeQuantize, QuantizedKernel
from tfslim.quantization.int8.training import RANGE_SUFFIX
from tfslim.tfmot.packages import tf_keras


@dataclasses.dataclass(frozen=True)
class Trained:
    """Model trained with int8 roundings.

    Args:
        quantized: whether any layer is quantized.
        unmeasured: names of layers whose output ranges no batch has set.
        inputs: input name -> its shape, batch included.
        kernels: names of the layers whose kernels are the model's own.
        rescalings: names of the layers that are rescalings written as convolutions.
        export: writes a SavedModel of batch 1 into a folder.
    """

    quantized: bool
    unmeasured: list[str]
    inputs: dict[str, tuple]
    kernels: list[str]
    rescalings: list[str]
    export: Callable[[Path], None]


def legacy_trained(model: Any) -> Trained:
    """Describe a model of `tfslim.tfmot.quantize_aware`."""
    tf_keras()
    from tfslim.tfmot.weight_quantizers import Int8Wrapper

    wrappers = [layer for layer in model.layers if isinstance(layer, Int8Wrapper)]
    rescalings = [wrapper.name for wrapper in wrappers if wrapper.quantize_config.rescaling]
    return Trained(
        quantized=bool(wrappers),
        unmeasured=[
            wrapper.name
            for wrapper in wrappers
            for variable in wrapper.variables
            if variable.name.split(":")[0].endswith("output_batches") and not float(variable)
        ],
        inputs={tensor.node.layer.name: tuple(tensor.shape) for tensor in model.inputs},
        kernels=[w.name for w in wrappers if w.quantize_config.weight and w.name not in rescalings],
        rescalings=rescalings,
        export=lambda folder: _export_legacy(model, folder),
    )


def native_trained(model: keras.Model) -> Trained:
    """Describe a model of `tfslim.quantization.quantize_aware`."""
    ranges = [layer for layer in model.layers if isinstance(layer, FakeQuantize)]
    kernels = [layer for layer in model.layers if isinstance(layer, QuantizedKernel)]
    return Trained(
        quantized=bool(ranges or kernels),
        unmeasured=[layer.name.removesuffix(RANGE_SUFFIX) for layer in ranges if not float(layer.batches)],
        inputs={tensor._keras_history.operation.name: tensor.shape for tensor in model.inputs},
        kernels=[layer.name for layer in kernels if not layer.rescaling],
        rescalings=[layer.name for layer in kernels if layer.rescaling],
        export=lambda folder: _export_native(model, folder),
    )


def _export_legacy(model: Any, folder: Path) -> None:
    import tensorflow as tf

    specs = [
        tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype, name=tensor.node.layer.name) for tensor in model.inputs
    ]
    flat = tf_keras().Model(model.inputs, model.outputs)  # its inputs are a list, whatever the model's structure
    module = tf.Module()
    module.variables_of_model = flat.variables
    module.serve = tf.function(lambda *inputs: flat(list(inputs), training=False), input_signature=specs)
    tf.saved_model.save(module, str(folder), signatures=module.serve.get_concrete_function())


def _export_native(model: keras.Model, folder: Path) -> None:
    signature = keras.tree.map_structure(
        lambda tensor: keras.InputSpec(shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=tensor.name), model.input
    )
    model.export(str(folder), format="tf_saved_model", input_signature=[signature], verbose=False)
