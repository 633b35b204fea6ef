"""Model that `tfslim export` converts.

It has its labels and the files beside it.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfslim.data.celeba.attributes import Labels, attribute_columns, read_labels, write_labels
from tfslim.data.celeba.people import People, read_people, write_people
from tfslim.inference.embedder import cut_at_embedding
from tfslim.inference.model_files import check_image_input, format_shape, load_keras_file

if TYPE_CHECKING:
    import keras

    from tfslim.data import CelebA, Records
    from tfslim.litert import Metadata


@dataclasses.dataclass(frozen=True)
class ExportedModel:
    """A model about to become files.

    Attributes:
        file: the `.keras` file it was read from.
        network: what the files compute: the model, or what is left of it when it is cut at its embedding.
        task: how its outputs are compared, as `tfslim.litert.verify` has it: "attributes", "identities", "embeddings".
        labels: name and threshold of each output, for attributes; else None.
        people: whom an identity model was trained on, and how its images are cropped; None without a `people.json`.
    """

    file: Path
    network: "keras.Model"
    task: str
    labels: Labels | None
    people: People | None

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width) of the input images, in pixels."""
        height, width = self.network.inputs[0].shape[1:3]
        return height, width

    def trained_on(self, records: "Records") -> "Records":
        """Return a train part's images that trained the model.

        Those of people held out of it are left out, as the files are verified with them.
        """
        if self.people is None or records.identities is None:
            return records
        return records[~np.isin(records.identities, self.people.held_out)]

    def answerable(self, records: "Records", part: str) -> "Records":
        """Return the images that the model can be asked about.

        They are of people that it knows if it names people, else all.

        Raises:
            ValueError: it knows none of the people of this part.
        """
        if self.people is None or self.task != "identities" or records.identities is None:
            return records
        return self.people.known(records, part, self.file)

    def truth(self, celeba: "CelebA", records: "Records") -> np.ndarray | None:
        """Return the right answers of images.

        They are (N, A) of 0 and 1 or (N,) numbers of outputs; None if the data lack them.

        Raises:
            ValueError: the data have other attributes than the model.
        """
        if self.labels is not None and records.attributes is not None:
            return records.attributes[:, attribute_columns(self.labels.attributes, celeba.attribute_names)]
        if self.people is not None and self.task == "identities" and records.identities is not None:
            return self.people.outputs_of(records)
        return None

    def metadata(self, licence: str, training_data: str) -> "Metadata":
        """Return the metadata of the model's files.

        It names attributes, and does not name people.
        """
        from tfslim.litert import Metadata

        meaning = {
            "attributes": "One logit an attribute of a face; above its threshold, 0 by default, the answer is yes.",
            "identities": "One logit a person; the largest answers whose face it is.",
            "embeddings": "The features of a face, to be compared by their cosine.",
        }
        labels = self.labels.attributes if self.labels else ()
        return Metadata(
            self.network.name,
            description=f"{meaning[self.task]} Takes pixels of 0 to 255 and normalizes them itself.",
            labels=labels,
            licence=licence,
            training_data=training_data,
            task=self.task,
            thresholds=self.labels.thresholds if self.labels else (),
            crop=self.people.crop if self.people else None,
        )

    def check_folder(self, folder: Path) -> None:
        """Raise a ValueError if the folder would mislabel the files.

        It would if one of its json files gave the model's files another meaning or crop.
        """
        if (folder / "people.json").exists() and read_people(folder) != self.people:
            self._refuse(folder / "people.json", "is of another model than")
        if (folder / "labels.json").exists():
            if self.people:
                self._refuse(folder / "labels.json", "is of attributes, unlike")
            if self.labels and read_labels(folder) != self.labels:
                self._refuse(folder / "labels.json", "has other names or thresholds than")

    def _refuse(self, beside: Path, why: str) -> None:
        raise ValueError(
            f"{beside} {why} {self.file}, and would be read for its files too: give another folder as --out"
        )

    def write_beside(self, folder: Path) -> None:
        """Write the json files that the model's files need.

        Files that are there already stay.
        """
        if self.labels and not (folder / "labels.json").exists():
            write_labels(folder, self.labels.attributes, self.labels.thresholds)
        if self.people and not (folder / "people.json").exists():
            write_people(folder, self.people)


def read_exported(file: Path, outputs: str) -> ExportedModel:
    """Load a model and the files beside it.

    Args:
        file: a `.keras` file.
        outputs: "answers", or "embedding" to cut it at its embedding.

    Raises:
        ValueError: the file is damaged, takes no (height, width, 3) image or has no row of outputs; its labels.json or
            people.json is damaged or does not fit it; or where its embedding is can't be told.
    """
    network = load_keras_file(file, cut_at_embedding) if outputs == "embedding" else load_keras_file(file)
    check_image_input(file, network.inputs[0].shape[1:])
    shape = network.outputs[0].shape[1:]
    if len(shape) != 1:
        raise ValueError(f"{file}: gives outputs of shape {format_shape(shape)}; expected one row of numbers an image")
    people = read_people(file, outputs=shape[0] if outputs == "answers" else None)
    if outputs == "embedding":
        return ExportedModel(file, network, "embeddings", None, people)
    if people:
        return ExportedModel(file, network, "identities", None, people)
    return ExportedModel(file, network, "attributes", read_labels(file, outputs=shape[0]), None)
