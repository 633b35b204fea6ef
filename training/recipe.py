"""What a training recipe says: the typed options of train.py that its YAML files fill in."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Network:
    """Which network.

    Args:
        name: as `tfslim.models.list_models()` has it, such as SlimNet.
        arguments: further arguments of its constructor, such as {alpha: 0.5}.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """Some epochs at one image size; the last stage's size is the model's.

    Args:
        epochs: how many.
        size: height and width in pixels.
    """

    epochs: int
    size: tuple[int, int]

    def __post_init__(self):
        if self.epochs < 1 or min(self.size) < 1:
            raise ValueError(f"a stage needs at least 1 epoch and 1x1 pixels, found {self}")


@dataclass(frozen=True)
class Optimization:
    """AdamW with linear warm-up and a cosine, and the loss.

    Args:
        batch_size: images a step.
        learning_rate: the highest.
        final_rate: the last, as a share of the highest.
        warmup_epochs: epochs until the highest.
        weight_decay: of kernels; biases and normalisation are spared.
        average: momentum of the moving average of the weights that is validated and saved; 0 for none.
        loss: "bce", or "balanced" in which each attribute's positives and negatives weigh the same.
        label_smoothing: 0 to 1.
    """

    batch_size: int = 64
    learning_rate: float = 3e-3
    final_rate: float = 0.005
    warmup_epochs: float = 2.0
    weight_decay: float = 0.02
    average: float = 0.998
    loss: Literal["bce", "balanced"] = "bce"
    label_smoothing: float = 0.0

    def __post_init__(self):
        if self.batch_size < 1 or self.learning_rate <= 0 or self.warmup_epochs < 0:
            raise ValueError("batch_size and learning_rate must be above 0, warmup_epochs 0 or more")
        for name in ("final_rate", "average", "label_smoothing"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)} is not between 0 and 1")
