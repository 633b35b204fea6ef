"""The ranges of layers' outputs on representative inputs."""

from collections.abc import Collection, Iterable, Iterator

import keras
import numpy as np

from tfslim.calls import calls

_BATCH = 32
_MOST_BATCHES = 100


def measure_ranges(
    model: keras.Model, names: Collection[str], representative: Iterable
) -> dict[str, tuple[float, float]]:
    """Averages the batches' least and largest values of some layers' outputs.

    Args:
        model: a functional model, in float.
        names: names of its layers; one that is called several times gets the range of all its outputs.
        representative: (N, ...) array of inputs, or batches of inputs or (inputs, targets), of which 100 are used.

    Returns:
        Name -> least and largest, with 0 between them.

    Raises:
        ValueError: there are no batches.

    Example:
        >>> measure_ranges(model, ["image_quantized"], images)
        {'image_quantized': (0.0, 255.0)}
    """
    tensors = {
        f"{number}": (call.operation.name, call.outputs[0])
        for number, call in enumerate(calls(model, model.inputs, opened=False))
        if call.operation.name in names
    }
    inner = keras.Model(model.input, {key: tensor for key, (_, tensor) in tensors.items()})
    rows: list[dict[str, tuple[float, float]]] = []
    for batch in _batches(representative):
        found: dict[str, tuple[float, float]] = {}
        for key, output in inner(batch, training=False).items():
            name, values = tensors[key][0], keras.ops.convert_to_numpy(output)
            least, largest = found.get(name, (0.0, 0.0))
            found[name] = min(float(values.min()), least), max(float(values.max()), largest)
        rows.append(found)
    if not rows:
        raise ValueError("representative holds no batches, so that no range can be measured")
    return {name: tuple(np.mean([row[name] for row in rows], axis=0).tolist()) for name in names}


def _batches(representative: Iterable) -> Iterator:
    if isinstance(representative, np.ndarray):
        representative = [representative[at : at + _BATCH] for at in range(0, len(representative), _BATCH)]
    for number, batch in enumerate(representative):
        if number == _MOST_BATCHES:
            return
        yield keras.tree.map_structure(_floats, batch[0] if isinstance(batch, tuple) else batch)


def _floats(values):
    values = np.asarray(values)
    return values.astype("float32") if values.dtype.kind in "fu" else values
