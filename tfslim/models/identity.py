"""Identity classifiers on L2-normalized features, and embedding models."""

import keras

from tfslim.graph.checks import as_functional
from tfslim.graph.traversal import layer_call
from tfslim.layers.l2_normalization import L2Normalization, scaled

__all__ = ["embedding_model", "normalized_classifier"]


def normalized_classifier(
    model: keras.Model, classes: int, scale: float = 16.0, learned_scale: bool = False, unit_weights: bool = False
) -> keras.Model:
    """Replace a model's classifier by one on L2-normalized features.

    The features are the output of the layer "embedding" if the model has one, else the input of its last dense layer.
    With `unit_weights` the logits are `scale` times the cosines of features and class weights, as margin losses need
    them. Features that are all 0 have a gradient of 1e12, see `tfslim.layers.L2Normalization`.

    Args:
        model: a functional model whose last layer is dense, or that has a layer "embedding".
        classes: number of logits.
        scale: length of the normalized features (or factor of the cosines).
        learned_scale: whether the scale is trainable.
        unit_weights: whether the class weights have unit length as well.

    Returns:
        A functional model of stock layers that shares the trunk of `model`; the output of its layer "embedding" is the
        features before normalization.

    Raises:
        ValueError: if the features can't be located, or `scale` is not above 0.

    Example:
        >>> trunk = tfslim.models.VGG11((64, 64, 3), classes=2, module="flame")
        >>> normalized_classifier(trunk, 200, scale=16.0).output.shape
        (None, 200)

    Source: Ranjan, Castillo, Chellappa, "L2-constrained Softmax Loss for Discriminative Face Verification", arXiv
        1703.09507, section 4; unit weights: Wang and others, "NormFace", arXiv 1704.06369, section 3.
    """
    if not scale > 0:
        raise ValueError(f"{model.name}: scale={scale} would invert the logits; use a number above 0")
    model = as_functional(model)
    features = _features(model)
    if "embedding" not in {layer.name for layer in model.layers}:
        features = keras.layers.Activation("linear", name="embedding")(features)
    if unit_weights:
        x = L2Normalization(name="features").flat(features)
        unit_norm = keras.constraints.UnitNorm(axis=0)
        cosines = keras.layers.Dense(classes, use_bias=False, kernel_constraint=unit_norm, name="cosines")
        x = cosines(x)
        cosines.kernel.assign(unit_norm(cosines.kernel))  # Keras applies a constraint only after a training step
        outputs = scaled(x, scale, learned_scale, "logits")
    else:
        x = L2Normalization(scale=scale, learned=learned_scale, name="features").flat(features)
        outputs = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(model.input, outputs, name=model.name)


def embedding_model(model: keras.Model) -> keras.Model:
    """Cut a classifier at its embedding.

    Args:
        model: a functional model with a layer "embedding", or whose last layer is the dense classifier.

    Returns:
        A model from the same input to features (N, D) that shares the layers of `model`; `model` itself if it already
        ends at its embedding.

    Raises:
        ValueError: if the features can't be located.

    Example:
        >>> embedding_model(tfslim.models.VGG11((64, 64, 3))).output.shape
        (None, 128)
    """
    functional = as_functional(model)
    features = _features(functional)
    if features is functional.outputs[0]:
        return model
    return keras.Model(functional.input, features, name=f"{model.name}_embedding")


def _features(model: keras.Model):
    names = {layer.name for layer in model.layers}
    if "embedding" in names:
        return layer_call(model, "embedding").outputs[0]
    last = model.layers[-1]
    if isinstance(last, keras.layers.Dense):
        call = layer_call(model, last.name)
        return keras.tree.flatten((call.args, call.kwargs))[0]
    raise ValueError(
        f"{model.name}: has no layer named 'embedding', and its last layer {last.name} is a {type(last).__name__}, not "
        "a Dense; name the layer that outputs the features 'embedding'"
    )
