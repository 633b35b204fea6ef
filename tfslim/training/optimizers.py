"""Optimizer that a recipe asks for."""

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import keras

from tfslim.training.recipe import Optimization


def make_optimizer(
    asked: Optimization,
    steps: int,
    epochs: int,
    precision: str,
    optimizers: ModuleType = keras.optimizers,
    spared: Sequence[keras.Variable] = (),
    around: Callable[[keras.optimizers.Optimizer], keras.optimizers.Optimizer] = lambda optimizer: optimizer,
) -> Any:
    """Build AdamW with a warm-up and a cosine decay.

    The warm-up is linear, and the cosine goes down to `final_rate`.

    Args:
        asked: the recipe's options.
        steps: steps per epoch.
        epochs: epochs of the whole training.
        precision: of the training step: "float32", "mixed_bfloat16" or "mixed_float16".
        optimizers: the module to take them from: that of Keras 3, or of tf_keras.
        spared: variables without weight decay beside biases and normalizations, such as `learned_scales(model)`.
        around: wraps AdamW in another optimizer; loss scaling is added outside of that.

    Returns:
        An optimizer of that module.
    """
    warmup = round(asked.warmup_epochs * steps)
    schedule = optimizers.schedules.CosineDecay(
        initial_learning_rate=asked.learning_rate / 20,
        decay_steps=max(1, epochs * steps - warmup),
        alpha=asked.final_rate,
        warmup_target=asked.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = optimizers.AdamW(
        schedule, weight_decay=asked.weight_decay, use_ema=asked.average > 0, ema_momentum=asked.average or 0.99
    )
    # tf_keras puts the layer into a variable's name, which identifies learned scales; in Keras 3 all are "kernel".
    names = ["bias", "gamma", "beta", "_factor/kernel"]
    optimizer.exclude_from_weight_decay(var_list=list(spared), var_names=names)
    optimizer = around(optimizer)
    # Small gradients would vanish in float16; bfloat16 has float32's range.
    return optimizers.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer
