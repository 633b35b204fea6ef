"""Where a layer is used in a model."""

import difflib

import keras

from tfslim.calls import Call, calls


def layer_call(model: keras.Model, name: str) -> Call:
    """Finds the one call of a layer in a model's own graph.

    Keras' `layer.output` is of the layer's first call anywhere: in this model, or in another that shares the layer.

    Args:
        model: a functional or a built Sequential model.
        name: the layer's name; layers inside nested models have none here.

    Raises:
        ValueError: if there is no such layer, naming those with a similar name, or it is not called exactly once.

    Example:
        >>> layer_call(tfslim.models.VGG11(), "embedding").outputs[0].shape
        (None, 128)
    """
    known = [layer.name for layer in model.layers]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=4) or known[-4:]
        raise ValueError(f"{model.name}: has no layer {name!r}; there are {', '.join(near)}")
    layer = model.get_layer(name)
    found = [call for call in calls(model, model.inputs, opened=False) if call.operation is layer]
    if len(found) != 1:
        raise ValueError(f"{model.name}: layer {name!r} is used {len(found)} times; expected once")
    return found[0]
