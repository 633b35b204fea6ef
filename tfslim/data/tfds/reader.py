"""TFDS' prepared ``celeb_a``, joined with CelebA's identity file.

TFDS' records hold neither the file name nor, before its version 2.1.0, the identity. But TFDS writes the records of a
part in the order of ``md5(part + file name)``, so the file names of a part determine the position of each record. The
join is verified record by record, by the 40 attributes and by the identity if TFDS has it.

Needs the extra ``tfslim-edge[tfds]``.
"""

import hashlib
import logging
import os
import pathlib

import numpy as np
import tensorflow as tf

from tfslim._support.extras import name_extra
from tfslim.data.celeba.attributes import ATTRIBUTES
from tfslim.data.celeba.label_files import PARTS
from tfslim.data.celeba.listing import Listing, read_listing

try:
    import tensorflow_datasets as tfds
except ModuleNotFoundError as error:
    raise name_extra(error, "TFDS' files") from error

__all__ = ["tfds"]

log = logging.getLogger(__name__)


def read_prepared(data_dir: str | os.PathLike, part: str, labels: str | os.PathLike) -> tf.data.Dataset:
    """Read a part of TFDS' prepared ``celeb_a`` with identities.

    Args:
        data_dir: data folder of TFDS (the one with ``celeb_a/<version>/``).
        part: "train", "validation" or "test".
        labels: a folder with ``identity_CelebA.txt``; it needs no images. If it holds ``list_attr_celeba.txt``, each
            record is checked against it; without ``list_eval_partition.txt`` the parts are assumed to be consecutive,
            as in CelebA.

    Returns:
        A dataset of {"file": () string, "image": (H, W, 3) uint8, "attributes": (40,) uint8 in {0, 1},
        "identity": () int32}, in TFDS' order.

    Raises:
        FileNotFoundError: if nothing is prepared, or there is no identity file.
        ValueError: if the part does not exist, or the label files list another number of images than TFDS has.
        tf.errors.InvalidArgumentError: during iteration, if a record contradicts the label files.

    Example:
        >>> for example in read_prepared("tensorflow_datasets", "test", labels="celeba").take(1):
        ...     print(example["file"], example["identity"])
    """
    if part not in PARTS:
        raise ValueError(f"part must be one of {', '.join(map(repr, PARTS))}, found {part!r}")
    builder = tfds.builder_from_directory(_prepared(pathlib.Path(data_dir)))
    listing = _listing(pathlib.Path(labels))
    rows = _rows_in_tfds_order(listing, part, [builder.info.splits[name].num_examples for name in PARTS])
    if listing.attributes is None:
        log.warning("%s has no attribute file, so the join with TFDS' records can't be verified", labels)

    assert listing.identities is not None  # as `_listing` sees to
    files, identities = tf.constant(listing.files[rows]), tf.constant(listing.identities[rows])
    expected = None if listing.attributes is None else tf.constant(listing.attributes[rows])
    shards = builder.info.splits[part].shard_lengths
    shard_start = tf.constant(np.cumsum([0, *shards[:-1]]), tf.int64)

    def join(record: dict) -> dict:
        # A TFDS id is "celeb_a-train.tfrecord-00002-of-00016__45": shard 2, record 45, both from 0.
        shard, within = (
            tf.strings.to_number(tf.strings.regex_replace(record["tfds_id"], pattern, r"\1"), tf.int64)
            for pattern in (r".*-(\d+)-of-\d+__\d+$", r".*__(\d+)$")
        )
        row = shard_start[shard] + within
        attributes = tf.stack([tf.cast(record["attributes"][name], tf.uint8) for name in ATTRIBUTES])
        message = "TFDS' record contradicts the label files at its position; are both of one CelebA?"
        checks = [] if expected is None else [tf.debugging.assert_equal(attributes, expected[row], message=message)]
        if "identity" in record:
            known = tf.cast(tf.nest.flatten(record["identity"])[0], tf.int32)
            checks.append(tf.debugging.assert_equal(known, identities[row], message=message))
        with tf.control_dependencies([check for check in checks if check is not None]):
            identity = tf.identity(identities[row])
        return {"file": files[row], "image": record["image"], "attributes": attributes, "identity": identity}

    records = builder.as_dataset(split=part, read_config=tfds.ReadConfig(add_tfds_id=True))
    return records.map(join, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _prepared(data_dir: pathlib.Path) -> pathlib.Path:
    versions = [path.parent for path in data_dir.glob("celeb_a/*/dataset_info.json")]
    if not versions:
        raise FileNotFoundError(
            f"{data_dir} has no prepared celeb_a (celeb_a/<version>/dataset_info.json); prepare it with TFDS, or make "
            "one from CelebA's files with tfslim.data.tfds.builder.prepare_celeba_tfds"
        )
    return max(versions, key=lambda path: [int(number) for number in path.name.split(".") if number.isdigit()])


def _listing(labels: pathlib.Path) -> Listing:
    try:
        listing = read_listing(labels, partition=True, on_error="raise")
    except FileNotFoundError:
        listing = read_listing(labels, partition=False, on_error="raise")
    if listing.identities is None:
        raise FileNotFoundError(f"{labels} has no identity_CelebA.txt to join with; add it")
    return listing


def _rows_in_tfds_order(listing: Listing, part: str, counts: list[int]) -> np.ndarray:
    code = PARTS.index(part)
    if listing.parts is not None:
        rows = np.flatnonzero(listing.parts == code)
    else:
        rows = np.argsort(listing.files, kind="stable")[sum(counts[:code]) : sum(counts[: code + 1])]
    if len(rows) != counts[code] or (listing.parts is None and len(listing.files) != sum(counts)):
        raise ValueError(
            f"{listing.path} and the other label files list {len(rows)} images of the {part} part (of "
            f"{len(listing.files)}), but TFDS has {counts[code]} (of {sum(counts)}); are both of one CelebA?"
        )
    names = listing.files[rows].tolist()
    order = sorted(range(len(rows)), key=lambda row: hashlib.md5((part + names[row]).encode()).digest())
    return rows[order]
