"""What is learned: attributes or identities; for each, the network's outputs, the loss, the metric and their names."""

import dataclasses
import pathlib
from collections.abc import Callable

import keras

import tfslim
from tfslim.data.celeba.attributes import write_labels
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.celeba.people import People, write_people
from tfslim.losses import BalancedBinaryCrossentropy, MarginCrossentropy
from tfslim.models.identity import normalized_classifier
from tfslim.training.recipe import Head, Network, Recipe


@dataclasses.dataclass(frozen=True)
class Task:
    """One kind of training; `targets` as tfslim.data.training_batches has them."""

    targets: str
    outputs: int
    summary: str
    build: Callable[[tuple[int, int]], keras.Model]
    loss: Callable[[], keras.losses.Loss]
    metric: Callable[[], keras.metrics.Metric]
    name_outputs: Callable[[pathlib.Path, bool], None]


def make_task(recipe: Recipe, celeba: CelebA) -> Task:
    """Checks what the recipe asks for against the data; raises a ValueError where they don't fit."""
    return (_identities if recipe.task == "identity" else _attributes)(recipe, celeba)


def _attributes(recipe: Recipe, celeba: CelebA) -> Task:
    names, asked = celeba.attribute_names, recipe.optimization
    if not names:
        raise ValueError(f"{celeba.folder}: has no attribute file, so there are no attributes to learn here")
    for option, given in (("head", recipe.head != Head()), ("crop", recipe.crop), ("hold_out", recipe.hold_out)):
        if given:
            raise ValueError(f"{option}: is for task identity; attributes are learned from whole images, by all people")
    if asked.loss == "balanced" and asked.label_smoothing:
        raise ValueError("label_smoothing is for the loss 'bce'; the balanced loss has none")

    def loss() -> keras.losses.Loss:
        if asked.loss == "balanced":
            return BalancedBinaryCrossentropy(celeba.part("train").attributes.mean(axis=0))
        return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=asked.label_smoothing)

    def name_outputs(folder: pathlib.Path, resumed: bool) -> None:
        if not (resumed and (folder / "labels.json").exists()):  # which may hold thresholds chosen since
            write_labels(folder / "model.keras", names)

    return Task(
        targets="attributes",
        outputs=len(names),
        summary=f"{len(names)} attributes",
        build=lambda size: _network(recipe.model, size, len(names)),
        loss=loss,
        metric=lambda: keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0),
        name_outputs=name_outputs,
    )


def _identities(recipe: Recipe, celeba: CelebA) -> Task:
    if celeba.people < 2:
        raise ValueError(f"{celeba.folder}: identities of at least two people are needed, found {celeba.people}")
    if recipe.attributes:
        raise ValueError("attributes: are for task attributes; task identity learns people")
    if recipe.optimization.loss != "bce":
        raise ValueError(f"optimization.loss={recipe.optimization.loss}: is for attributes")
    if recipe.augmentation.mixup:
        raise ValueError("augmentation.mixup: identities are class numbers and can't be blended: set mixup to 0")
    head, people = recipe.head, celeba.people
    unseen = people - len(set(celeba.part("train").identities.tolist()))
    if unseen:
        raise ValueError(f"{unseen} of {people} people have no image in the training part; take another split")

    def build(size: tuple[int, int]) -> keras.Model:
        network = _network(recipe.model, size, people)
        if head.kind == "plain":
            return network
        return normalized_classifier(network, people, head.scale, head.learned_scale, head.kind == "cosine")

    def name_outputs(folder: pathlib.Path, resumed: bool) -> None:
        known = tuple(old for old, new in sorted(celeba.identity_map.items(), key=lambda pair: pair[1]) if new < people)
        people_known = People(known, celeba.held_out, celeba.crop, celeba.split, celeba.seed)
        write_people(folder / "model.keras", people_known)

    return Task(
        targets="identities",
        outputs=people,
        summary=f"{people} people, {len(celeba.held_out)} more held out",
        build=build,
        loss=lambda: MarginCrossentropy(
            head.scale if head.kind == "cosine" else 1.0,
            head.angular_margin,
            head.additive_margin,
            recipe.optimization.label_smoothing,
        ),
        metric=lambda: keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
        name_outputs=name_outputs,
    )


def _network(network: Network, size: tuple[int, int], classes: int) -> keras.Model:
    known = tfslim.models.list_models()
    if network.name not in known:
        raise ValueError(f"model.name={network.name!r} is not one of {', '.join(known)}")
    try:
        return getattr(tfslim.models, network.name)(input_shape=(*size, 3), classes=classes, **network.arguments)
    except TypeError as error:
        raise ValueError(f"model.arguments={network.arguments}: {error}") from error
