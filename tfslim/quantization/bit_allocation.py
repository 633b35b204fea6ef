"""Allocation of bits within a byte budget.

Tensors on which the outputs depend more are stored with more.
"""

import contextlib
import ctypes
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
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

__all__ = ["allocate_bits", "output_distance"]

UNITS = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "KiB": 2**10, "MiB": 2**20}


def byte_size(text: str | float) -> int:
    """Parse a size: "1.13MB", "300 kB", "2 MiB" or 250000.

    Returns:
        The number of bytes.

    Raises:
        ValueError: the text is not a size, or is less than one byte.

    Example:
        >>> byte_size("1.13MB")
        1130000
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", str(text))
    if not found or found[2] not in UNITS:
        raise ValueError(f"{text!r} is not a size; pass bytes, or a number with {', '.join(filter(None, UNITS))}")
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
    """Choose each tensor's bits to fit a byte budget.

    The model's outputs change as little as possible. Each tensor is quantized alone to each number of bits, and the
    change of the outputs is measured.
    Small changes of different tensors add up in the square, so the best choice under the budget is a knapsack problem,
    which is solved to 1e-5 of the optimal cost.

    Args:
        model: a functional or a built Sequential model with trained weights; it is not changed.
        budget: limit for all weights, codes and codebooks: bytes, or a text such as "1.13MB" or "300 kB". The packed
            file adds the architecture to them.
        images: inputs (N, H, W, C): some hundred that the model was not trained on. Labels are not needed.
        distance: used in place of images: a function that judges a model, 0 for `model` itself, larger for worse ones.
        codec: name of a codec that has bits.
        bits: the numbers of bits to choose from.
        scope: see `tfslim.quantize_weights`, as for `layers`, `skip` and `rest`.
        layers: the layers to quantize.
        skip: layers to leave out.
        rest: how the other tensors are stored.
        progress: called with the number of measurements done and the total.

    Returns:
        A plan for `tfslim.quantize_weights`, and a report.

    Raises:
        TypeError: the model is subclassed or not built.
        ValueError: the budget can't be met, an argument is out of range, the scope contains no tensor or one that isn't
            float32, or a distance is NaN or infinite.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, name="hidden"), keras.layers.Dense(2)])
        >>> images = np.random.default_rng(0).normal(size=(32, 4))
        >>> plan, report = allocate_bits(model, "120 B", images, bits=[2, 4, 8])
        >>> smaller, report = tfslim.quantize_weights(model, plan)
        >>> report.figures["weight bytes"] <= 120
        True

    Source: for the proxy, Dong and others, "HAWQ", arXiv 1905.03696, whose sensitivities are measured here instead.
    """
    check_graph_model(model)
    limit = 8 * byte_size(budget)
    if (images is None) == (distance is None):
        raise ValueError("pass either images or distance, not both or neither")
    bits = sorted(set(bits))
    if not bits:
        raise ValueError("bits is empty; pass the numbers of bits to choose from")
    found = weight_tensors(model)
    plans = [
        within_float16(plan_codecs(model, codec, width, scope=scope, layers=layers, skip=skip, rest=rest), found)
        for width in bits
    ]
    chosen = [path for path in found if getattr(plans[0][path], "bits", None) is not None]
    if not chosen:
        raise ValueError(f"{model.name} has no tensor to choose bits for: scope={scope!r}, layers and skip exclude all")
    sizes = np.empty((len(chosen), len(bits)))
    distances = np.empty_like(sizes)
    trial = clone_model(model, keep_compiled=True)  # `distance` may evaluate it
    if images is not None:
        if not len(keras.tree.flatten(images)[0]):
            raise ValueError("images is empty; pass some inputs to compare outputs on")
        distance = output_distance(model, images)
    assert distance is not None  # one of the two is given
    parts = weight_tensors(trial)
    fixed_bits = 0  # bits of tensors outside the scope, the same in all plans
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
    """Return a function that measures a model's output error.

    The distance is the squared error relative to the variance of `model`'s outputs.

    Args:
        model: the reference, with one or several outputs.
        images: its inputs.
        batch_size: images per batch.

    Returns:
        A function of a model with the same inputs and outputs: 0 if its outputs equal those of `model`, 1 if it is as
        far off as always predicting the mean. If the outputs don't vary, the squared error itself.

    Raises:
        ValueError: from `model.predict`, for images that don't fit.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, name="hidden"), keras.layers.Dense(2)])
        >>> output_distance(model, np.random.default_rng(0).normal(size=(32, 4)))(model)
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
    """Choose one column per row, cheapest within a size limit.

    Args:
        costs: (rows, columns).
        sizes: (rows, columns).
        limit: upper limit of the sum of the chosen sizes.

    Returns:
        The chosen columns, (rows,).

    Raises:
        ValueError: no choice fits.
    """
    rows, columns = costs.shape
    every = np.arange(rows)
    bound = _good_cost(costs, sizes, limit)
    # The solver's tolerances are absolute, so costs above that of a known choice must not set the scale.
    scaled = np.minimum(costs, bound) / max(bound, 1e-300)
    allowed = limit
    while allowed >= sizes.min(axis=1).sum():
        with _native_stdout_discarded():
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
        allowed -= 2 * over  # the solver's tolerance let a slightly too large choice pass
    raise ValueError(f"no choice fits {limit:,.0f}")


@contextlib.contextmanager
def _native_stdout_discarded() -> Iterator[None]:
    """Discard native code's output on stdout.

    HiGHS 1.12 (scipy 1.17) prints a line with printf whenever it repairs a solution, whatever its options say
    (jump-dev/HiGHS.jl issue 312), so only the file descriptor can be silenced.
    """
    c_library = ctypes.CDLL("ucrtbase" if os.name == "nt" else None)
    with contextlib.suppress(AttributeError, OSError, ValueError):  # stdout may be closed or None
        sys.stdout.flush()
    try:
        kept = os.dup(1)
    except OSError:
        yield
        return
    c_library.fflush(None)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    try:
        yield
    finally:
        c_library.fflush(None)  # the line waits in C's buffer if stdout is not a terminal
        os.dup2(kept, 1)
        os.close(kept)


def _good_cost(costs: np.ndarray, sizes: np.ndarray, limit: float) -> float:
    """Return the cost of a feasible, nearly optimal choice.

    It is the best choice at a price per unit of size, found by Lagrangian relaxation.
    """
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
            f"{path}: the distance at {bits} bits is {distance}, expected a finite number; leave {bits} out of `bits` "
            "if the network overflows with so few, or look for NaN in the images and in the model's outputs"
        )
    return distance


def _check_budget(model: keras.Model, limit: int, fixed_bits: int, chosen_bits: float, bits: int) -> None:
    least = fixed_bits + chosen_bits
    if limit < least:
        raise ValueError(
            f"{limit // 8:,} bytes are too few for {model.name}: at {bits} bits it takes {-(-int(least) // 8):,}, "
            f"of which {-(-int(fixed_bits) // 8):,} are outside the scope (rest='float16' would halve those)"
        )
