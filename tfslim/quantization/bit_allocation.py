"""Bits by budget: more of them for the tensors that the answers depend on."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

import keras
import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from tfslim.graph.checks import check_graph_model
from tfslim.graph.cloning import clone_model
from tfslim.graph.derived_state import refresh_cached_state
from tfslim.quantization.codecs.registry import Codec
from tfslim.quantization.model_tensors import weight_tensors
from tfslim.quantization.plan import Layers, Scope, plan_codecs
from tfslim.quantization.weights import encode, values_of, within_float16
from tfslim.report import Report

UNITS = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "KiB": 2**10, "MiB": 2**20}


def byte_size(text: str | float) -> int:
    """Bytes in "1.13MB", "300 kB", "2 MiB" or 250000.

    Raises:
        ValueError: the text is none of these, or not above 0.

    Example:
        >>> byte_size("1.13MB")
        1130000
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", str(text))
    if not found or found[2] not in UNITS:
        raise ValueError(f"{text!r} is no size; write bytes, or a number with {', '.join(filter(None, UNITS))}")
    size = round(float(found[1]) * UNITS[found[2]])
    if size < 1:
        raise ValueError(f"{text!r} is less than a byte")
    return size


Distance = Callable[[keras.Model], float]


def allocate_bits(
    model: keras.Model,
    budget: str | float,
    images: np.ndarray | None = None,
    *,
    distance: Distance | None = None,
    codec: str = "log_min_max",
    bits: Sequence[int] = range(2, 11),
    scope: Scope = "kernels",
    layers: Layers | None = None,
    skip: Layers = (),
    rest: Literal["float32", "float16"] = "float32",
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> tuple[dict[str, Codec], Report]:
    """Chooses each tensor's bits so that the answers change least while all weights fit the budget.

    Each tensor is quantised alone to each number of bits, and how far that moves the model's outputs is measured. Small
    changes of different tensors add up in the square, so the best choice under the budget is a knapsack, which is
    solved to a hundred-thousandth of what it costs.

    Args:
        model: a functional or a built Sequential model with trained weights; it is not changed.
        budget: for all weights, codes and codebooks: bytes, or a text such as "1.13MB" or "300 kB". The packed file
            adds the network's description to them.
        images: what the model takes, (N, H, W, C): some hundred that it was not trained on. Labels are not needed.
        distance: in place of images, what a model is judged by: 0 for `model` itself, larger for worse ones.
        codec: name of one that has bits.
        bits: the numbers to choose from.
        scope: see `tfslim.quantize_weights`, as for `layers`, `skip` and `rest`.
        layers: only of these layers.
        skip: layers to leave out.
        rest: how the other tensors are stored.
        progress: called with measurements done and measurements in all.

    Returns:
        A plan for `tfslim.quantize_weights`, and a report.

    Raises:
        TypeError: the model is subclassed or not built.
        ValueError: the budget can't be met, an argument is out of range, no tensor is in the scope or one isn't
            float32, or a distance is NaN or infinite.

    Example:
        >>> plan, report = allocate_bits(model, "300 kB", images)
        >>> smaller, _ = tfslim.quantize_weights(model, plan)

    Source: for the proxy, Dong and others, "HAWQ", arXiv 1905.03696, whose sensitivities are measured here instead.
    """
    check_graph_model(model)
    limit = 8 * byte_size(budget)
    if (images is None) == (distance is None):
        raise ValueError("give either images or distance")
    bits = sorted(set(bits))
    if not bits:
        raise ValueError("bits: there are none to choose from")
    found = weight_tensors(model)
    plans = [
        within_float16(plan_codecs(model, codec, width, scope=scope, layers=layers, skip=skip, rest=rest), found)
        for width in bits
    ]
    chosen = [path for path in found if getattr(plans[0][path], "bits", None) is not None]
    if not chosen:
        raise ValueError(f"{model.name} has no tensor to choose bits for: scope={scope!r}, layers and skip leave none")
    sizes = np.empty((len(chosen), len(bits)))
    distances = np.empty_like(sizes)
    trial = clone_model(model, keep_compiled=True)  # `distance` may evaluate it
    if distance is None:
        if not len(keras.tree.flatten(images)[0]):
            raise ValueError("images: there are none to compare outputs on")
        distance = output_distance(model, images)
    parts = weight_tensors(trial)
    fixed_bits = 0  # of what is not in few bits, the same in all plans
    for number, plan in enumerate(plans):
        encoded = encode(found, plan)
        sizes[:, number] = [encoded[path].bits for path in chosen]
        if number == 0:
            fixed_bits = sum(each.bits for path, each in encoded.items() if path not in chosen)
            _check_budget(model, limit, fixed_bits, sizes[:, 0].sum(), bits[0])
        for row, path in enumerate(chosen):
            kept = values_of(path, parts[path])
            parts[path].variable.assign(plan[path].decode(encoded[path]))
            refresh_cached_state(trial)
            distances[row, number] = _finite(distance(trial), path, bits[number])
            parts[path].variable.assign(kept)
            progress(number * len(chosen) + row + 1, len(bits) * len(chosen))
    picked = knapsack(distances, sizes, limit - fixed_bits)
    plan = dict(plans[0]) | {path: plans[column][path] for path, column in zip(chosen, picked, strict=True)}
    every = np.arange(len(chosen))
    report = Report(
        "allocate_bits",
        done=[f"{path}: {bits[column]} bits" for path, column in zip(chosen, picked, strict=True)],
        figures={
            "budget bytes": limit // 8,
            "weight bytes": -(-int(fixed_bits + sizes[every, picked].sum()) // 8),
            "sum of the tensors' own distances": float(distances[every, picked].sum()),
        },
    )
    return plan, report


def output_distance(model: keras.Model, images: np.ndarray, batch_size: int = 64) -> Distance:
    """How far another model's outputs are from this one's: the squared distance's share of their variance.

    Args:
        model: with one or several outputs.
        images: what the model takes.
        batch_size: images at once.

    Returns:
        A function of a model with the same inputs and outputs: 0 where it answers as `model` does, 1 where it is as far
        off as answering each time with the mean. Where the outputs don't vary, the squared distance itself.

    Raises:
        ValueError: what `model.predict` makes of images that don't fit.

    Example:
        >>> output_distance(model, images)(model)
        0.0
    """
    wanted = _outputs(model, images, batch_size)
    scale = sum(np.square(each - each.mean(axis=0)).sum(dtype=np.float64) for each in wanted)

    def distance(other: keras.Model) -> float:
        found = _outputs(other, images, batch_size)
        squares = sum(np.square(a - b).sum(dtype=np.float64) for a, b in zip(found, wanted, strict=True))
        return float(squares / scale) if scale else float(squares)

    return distance


def knapsack(costs: np.ndarray, sizes: np.ndarray, limit: float) -> np.ndarray:
    """One column for each row, so that the costs' sum is least and the sizes' sum at most `limit`.

    Args:
        costs: (rows, columns).
        sizes: (rows, columns).
        limit: at least the sum of the smallest sizes.

    Returns:
        The columns, (rows,).

    Raises:
        ValueError: no choice fits.
    """
    rows, columns = costs.shape
    every = np.arange(rows)
    bound = _good_cost(costs, sizes, limit)
    # The solver's tolerances are absolute, so what costs more than a choice that is known must not set the scale.
    scaled = np.minimum(costs, bound) / max(bound, 1e-300)
    allowed = limit
    while allowed >= sizes.min(axis=1).sum():
        result = milp(
            scaled.ravel(),
            integrality=np.ones(costs.size),
            bounds=Bounds(0, (costs <= bound).ravel()),
            constraints=[
                LinearConstraint(np.kron(np.eye(rows), np.ones(columns)), 1, 1),
                LinearConstraint(sizes.reshape(1, -1) / limit, -np.inf, allowed / limit),
            ],
            options={"mip_rel_gap": 1e-7},
        )
        if result.x is None:
            break
        picked = result.x.reshape(rows, columns).argmax(axis=1)
        over = sizes[every, picked].sum() - limit
        if over <= 0:
            return picked
        allowed -= 2 * over  # by its tolerance it took what is just too large
    raise ValueError(f"no choice fits {limit:,.0f}")


def _good_cost(costs: np.ndarray, sizes: np.ndarray, limit: float) -> float:
    """The cost of a choice that fits and is nearly the best: the best where size has a price, by Lagrange."""
    every = np.arange(len(costs))

    def choose(price: float) -> float:
        picked = (costs + price * sizes).argmin(axis=1)
        return float(costs[every, picked].sum()) if sizes[every, picked].sum() <= limit else np.inf

    if np.isfinite(found := choose(0.0)):
        return found
    low, high = 0.0, max(float(costs.max()), 1e-300) / float(sizes.max())
    for _ in range(1000):
        if np.isfinite(choose(high)):
            break
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if np.isfinite(choose(middle)) else (middle, high)
    return min(choose(high), float(costs.max(axis=1).sum()))


def _outputs(model: keras.Model, images: np.ndarray, batch_size: int) -> list[np.ndarray]:
    outputs = model.predict(images, batch_size=batch_size, verbose=0)
    return [np.asarray(each, np.float32) for each in keras.tree.flatten(outputs)]


def _finite(distance: float, path: str, bits: int) -> float:
    if not np.isfinite(distance):
        raise ValueError(
            f"{path}: at {bits} bits the distance is {distance}; where a network gives nothing finite in so few bits, "
            "leave them out of `bits`; otherwise look for NaN in the images and in what the model makes of them"
        )
    return distance


def _check_budget(model: keras.Model, limit: int, fixed_bits: int, chosen_bits: float, bits: int) -> None:
    least = fixed_bits + chosen_bits
    if limit < least:
        raise ValueError(
            f"{limit // 8:,} bytes are too few for {model.name}: at {bits} bits it takes {-(-int(least) // 8):,}, "
            f"of which {-(-int(fixed_bits) // 8):,} are not in few bits (rest='float16' would halve those)"
        )
