"""What `convert` needs to know of a quantisation-aware trained model, of tf_keras or of Keras 3."""

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
    """A model trained with the roundings of int8.

    Args:
        quantised: whether anything of it is.
        unmeasured: names of layers whose outputs' ranges no batch has set.
        inputs: name of each input -> its shape with the batch.
        kernels: names of the layers whose kernels are the model's own.
        rescalings: names of the layers that are rescalings written as convolutions.
        export: writes a SavedModel of batch 1 into a folder.
    """

    quantised: bool
    unmeasured: list[str]
    inputs: dict[str, tuple]
    kernels: list[str]
    rescalings: list[str]
    export: Callable[[Path], None]


def legacy_trained(model: Any) -> Trained:
    """That of a model that `tfslim.tfmot.quantize_aware` made."""
    tf_keras()
    from tfslim.tfmot.weight_quantizers import Int8Wrapper

    wrappers = [layer for layer in model.layers if isinstance(layer, Int8Wrapper)]
    rescalings = [wrapper.name for wrapper in wrappers if wrapper.quantize_config.rescaling]
    return Trained(
        quantised=bool(wrappers),
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
    """That of a model that `tfslim.quantization.quantize_aware` made."""
    ranges = [layer for layer in model.layers if isinstance(layer, FakeQuantize)]
    kernels = [layer for layer in model.layers if isinstance(layer, QuantizedKernel)]
    return Trained(
        quantised=bool(ranges or kernels),
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
    flat = tf_keras().Model(model.inputs, model.outputs)  # its inputs are a list, whatever structure the model's have
    module = tf.Module()
    module.variables_of_model = flat.variables
    module.serve = tf.function(lambda *inputs: flat(list(inputs), training=False), input_signature=specs)
    tf.saved_model.save(module, str(folder), signatures=module.serve.get_concrete_function())


def _export_native(model: keras.Model, folder: Path) -> None:
    signature = keras.tree.map_structure(
        lambda tensor: keras.InputSpec(shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=tensor.name), model.input
    )
    model.export(str(folder), format="tf_saved_model", input_signature=[signature], verbose=False)
