"""The optimizer that a recipe asks for."""

import keras
from recipe import Optimization


def make_optimizer(asked: Optimization, steps: int, epochs: int, precision: str) -> keras.optimizers.Optimizer:
    """AdamW with a linear warm-up, then a cosine down to `final_rate`, over `epochs` of `steps`."""
    warmup = round(asked.warmup_epochs * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=asked.learning_rate / 20,
        decay_steps=max(1, epochs * steps - warmup),
        alpha=asked.final_rate,
        warmup_target=asked.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=asked.weight_decay, use_ema=asked.average > 0, ema_momentum=asked.average or 0.99
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    # Small gradients would vanish in float16; bfloat16 has float32's range.
    return keras.optimizers.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer
