"""Tasks that a network learns: attributes or identities.

A task defines the network's outputs, its loss and metric, and their names.
"""

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
    """One kind of training.

    Args:
        targets: as `tfslim.data.training_batches` takes them.
        outputs: the number of the network's outputs.
        summary: a line about them.
        build: image size -> a new network.
        loss: returns a new loss.
        metric: returns a new metric, called "accuracy".
        name_outputs: writes labels.json or people.json into a folder; the flag says whether the run is resumed.
    """

    targets: str
    outputs: int
    summary: str
    build: Callable[[tuple[int, int]], keras.Model]
    loss: Callable[[], keras.losses.Loss]
    metric: Callable[[], keras.metrics.Metric]
    name_outputs: Callable[[pathlib.Path, bool], None]


def make_task(recipe: Recipe, celeba: CelebA) -> Task:
    """Build the task of a recipe.

    Raises:
        ValueError: the recipe does not fit the data.
    """
    return (_identities if recipe.task == "identity" else _attributes)(recipe, celeba)


def _attributes(recipe: Recipe, celeba: CelebA) -> Task:
    names, asked = celeba.attribute_names, recipe.optimization
    if not names:
        raise ValueError(f"{celeba.folder}: has no attribute file (list_attr_celeba), which task attributes needs")
    for option, given in (("head", recipe.head != Head()), ("crop", recipe.crop), ("hold_out", recipe.hold_out)):
        if given:
            raise ValueError(
                f"{option} is for task identity; leave it out for task attributes, which learns from whole images"
            )
    if asked.loss == "balanced" and asked.label_smoothing:
        raise ValueError("label_smoothing is for loss bce; set it to 0 with loss balanced")

    def loss() -> keras.losses.Loss:
        if asked.loss == "balanced":
            attributes = celeba.part("train").attributes
            assert attributes is not None  # as there are names of attributes
            return BalancedBinaryCrossentropy(attributes.mean(axis=0).tolist())
        return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=asked.label_smoothing)

    def name_outputs(folder: pathlib.Path, resumed: bool) -> None:
        if not (resumed and (folder / "labels.json").exists()):  # it may hold thresholds chosen since
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
        raise ValueError(f"{celeba.folder}: task identity needs at least two people, found {celeba.people}")
    if recipe.attributes:
        raise ValueError("attributes is for task attributes; leave it out for task identity")
    if recipe.optimization.loss != "bce":
        raise ValueError(
            f"optimization.loss={recipe.optimization.loss} is for task attributes; task identity takes bce"
        )
    if recipe.augmentation.mixup:
        raise ValueError("augmentation.mixup can't blend class numbers: set it to 0 for task identity")
    head, people = recipe.head, celeba.people
    identities, numbers = celeba.part("train").identities, celeba.identity_map
    assert identities is not None and numbers is not None  # as there are people
    unseen = people - len(set(identities.tolist()))
    if unseen:
        raise ValueError(f"{unseen} of {people} people have no image in the training part; take another split")

    def build(size: tuple[int, int]) -> keras.Model:
        network = _network(recipe.model, size, people)
        if head.kind == "plain":
            return network
        return normalized_classifier(network, people, head.scale, head.learned_scale, head.kind == "cosine")

    def name_outputs(folder: pathlib.Path, resumed: bool) -> None:
        known = tuple(old for old, new in sorted(numbers.items(), key=lambda pair: pair[1]) if new < people)
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
