"""Check that a model has a graph of layers."""

import os

import keras

from tfslim.graph.traversal import is_graph

__all__ = ["as_functional", "check_graph_model", "check_keras_model"]

_LOADERS = {
    ".keras": "; load it with keras.models.load_model",
    ".tfslim": "; load it with tfslim.load_packed",
}


def as_functional(model: keras.Model, role: str = "model") -> keras.Model:
    """Return a Sequential model as a functional one.

    The result has the same layers; a functional model is returned as it is.

    Args:
        model: a functional or a built Sequential model; it is not changed.
        role: what to call it in an error.

    Raises:
        TypeError: it is something else; see `check_graph_model`.

    Example:
        >>> as_functional(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])).output_shape
        (None, 2)
    """
    check_graph_model(model, role)
    if not isinstance(model, keras.Sequential):
        return model
    return keras.Model(model.inputs[0], model.outputs[0], name=model.name)


def check_graph_model(model: object, role: str = "model", advice: str | None = None) -> None:
    """Raise a TypeError unless a model has a layer graph.

    Args:
        model: what was given.
        role: what to call it in the error, such as "teacher".
        advice: what to do about a subclassed model, in place of rewriting it as a functional one.

    Raises:
        TypeError: it is not a keras.Model, a Keras 2 model (tf_keras), a subclassed model, or a Sequential model that
            is not built; the message says what to do.

    Example:
        >>> check_graph_model("face.keras", "teacher")
        Traceback (most recent call last):
            ...
        TypeError: teacher must be a keras.Model, got 'face.keras'; load it with keras.models.load_model
    """
    check_keras_model(model, role)
    if is_graph(model):
        return
    name = getattr(model, "name", "")
    if isinstance(model, keras.Sequential):
        raise TypeError(
            f"{role} {name!r} is a Sequential model that is not built; give it a keras.Input as its first "
            "layer, or call its build((None, height, width, channels))"
        )
    raise TypeError(
        f"{role} {name!r} ({type(model).__name__}) is a subclassed keras.Model, whose graph of layers can't be "
        f"read; {advice or 'build it as a functional model with keras.Model(inputs, outputs)'}"
    )


def check_keras_model(model: object, role: str = "model") -> None:
    """Raise a TypeError unless this is a Keras 3 model.

    It may be a subclassed model, without a graph.

    Args:
        model: what was given.
        role: what to call it in the error, such as "teacher".

    Raises:
        TypeError: it is something else; the message says what to do.
    """
    kind = type(model)
    if any(base.__module__.partition(".")[0] == "tf_keras" for base in kind.__mro__):
        name = getattr(model, "name", kind.__name__)
        raise TypeError(
            f"{role} {name!r} is a Keras 2 model (tf_keras), and Keras 3 is expected; convert it with "
            "tfslim.tfmot.from_tf_keras(model)"
        )
    if isinstance(model, str | os.PathLike):
        advice = _LOADERS.get(os.path.splitext(model)[1], "")
        raise TypeError(f"{role} must be a keras.Model, got {os.fspath(model)!r}{advice}")
    if not isinstance(model, keras.Model):
        found = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise TypeError(f"{role} must be a keras.Model, got {found}")
