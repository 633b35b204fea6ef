"""TFDS builder for CelebA with attributes and identities.

Needs the extra ``tfslim-edge[tfds]``.
"""

import io
import os
from collections.abc import Iterator

import numpy as np

from tfslim.data.celeba.attributes import ATTRIBUTES
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.celeba.label_files import PARTS
from tfslim.data.images import open_image
from tfslim.data.tfds.reader import tfds

__all__ = ["CelebaIdentities", "prepare_celeba_tfds"]


class CelebaIdentities(tfds.core.GeneratorBasedBuilder):
    """CelebA with 40 attributes and identities, in the official splits.

    Each example has "file" (name of the image), "image" (uint8 RGB of any size), "attributes" (a dictionary of 40
    bools, as in TFDS' ``celeb_a``) and "identity" (CelebA's number, int64).
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Attributes and identity together."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Download from http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html into manual_dir:
    list_attr_celeba.txt, identity_CelebA.txt, list_eval_partition.txt and img_align_celeba.zip (no need to unpack).
    """

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="CelebA with 40 attributes and the identity of each face.",
            features=tfds.features.FeaturesDict(
                {
                    "file": tfds.features.Text(),
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg"),
                    "attributes": {name: np.bool_ for name in ATTRIBUTES},
                    "identity": np.int64,
                }
            ),
            homepage="http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
            citation="Liu, Luo, Wang, Tang: Deep Learning Face Attributes in the Wild. ICCV 2015",
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        celeba = CelebA(dl_manager.manual_dir)
        records = {name: celeba.part(name) for name in PARTS}
        for file, values in (
            ("list_attr_celeba.txt", records["train"].attributes),
            ("identity_CelebA.txt", records["train"].identities),
        ):
            if values is None:
                raise FileNotFoundError(f"{celeba.folder} has no {file}, which this dataset needs; add it")
        return {name: self._generate_examples(celeba, name) for name in PARTS}

    def _generate_examples(self, celeba: CelebA, part: str) -> Iterator[tuple[str, dict]]:
        records = celeba.part(part)
        assert records.attributes is not None and records.identities is not None  # as checked before the first part
        for file, attributes, identity in zip(
            records.files.tolist(), records.attributes, records.identities.tolist(), strict=True
        ):
            open_image(celeba.source, file)  # report a damaged image by name now, not during a training
            yield (
                file,
                {
                    "file": file,
                    "image": io.BytesIO(celeba.read(file)),
                    "attributes": dict(zip(ATTRIBUTES, attributes.astype(bool).tolist(), strict=True)),
                    "identity": identity,
                },
            )


def prepare_celeba_tfds(folder: str | os.PathLike, data_dir: str | os.PathLike) -> CelebaIdentities:
    """Prepare the TFDS dataset from a folder with CelebA's files.

    Does nothing if it is prepared already.

    Args:
        folder: folder of CelebA's label files and images, as for `tfslim.data.CelebA`.
        data_dir: data folder of TFDS.

    Returns:
        The builder, ready for ``as_dataset``.

    Raises:
        LabelError, FileNotFoundError, ImageError: as in `tfslim.data.CelebA`.

    Example:
        >>> dataset = prepare_celeba_tfds("celeba", "tensorflow_datasets").as_dataset("train")
    """
    builder = CelebaIdentities(data_dir=os.fspath(data_dir))
    config = tfds.download.DownloadConfig(manual_dir=os.fspath(folder))
    builder.download_and_prepare(download_config=config)
    return builder
