"""The TFDS builder, and the reader that joins TFDS' own celeb_a with the identity file."""

import io
import zipfile

import numpy as np
import pytest

from tfslim.data.celeba.attributes import ATTRIBUTES

tfds = pytest.importorskip("tensorflow_datasets", reason="the extra tfslim-edge[tfds] is not installed")


@pytest.fixture
def celeb_a(tmp_path):
    """Prepares TFDS' celeb_a by TFDS' own code from a little CelebA, in three shards, with or without identities."""
    from tensorflow_datasets.datasets.celeb_a import celeb_a_dataset_builder as official

    def make(little, identities: bool):
        rows = "".join(f"{file} {' '.join(['5'] * 10)}\n" for file in little.files)
        header = f"{len(little.files)}\n{' '.join(official.LANDMARK_HEADINGS)}\n"
        (little.path / "landmarks.txt").write_text(header + rows)

        class Downloads:
            def download(self, urls):
                names = {
                    "img_align_celeba": "img_align_celeba.zip",
                    "list_eval_partition": "list_eval_partition.txt",
                    "list_attr_celeba": "list_attr_celeba.txt",
                    "landmarks_celeba": "landmarks.txt",
                    "identity_celeba": "identity_CelebA.txt",
                }
                return {key: little.path / names[key] for key in urls}

            def iter_archive(self, path):
                with zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        if name.endswith(".jpg") and "MACOSX" not in name:
                            yield name, io.BytesIO(archive.read(name))

        with tfds.core.registered.skip_registration():

            class CelebA(official.Builder):
                name = "celeb_a"

                def dataset_info_from_configs(self, features, homepage):
                    kept = {key: feature for key, feature in features.items() if identities or key != "identity"}
                    return tfds.core.DatasetInfo(
                        builder=self, features=tfds.features.FeaturesDict(kept), homepage=homepage
                    )

                def _split_generators(self, dl_manager):
                    return super()._split_generators(Downloads())

                def _generate_examples(self, **arguments):
                    for key, record in super()._generate_examples(**arguments):
                        yield key, {name: record[name] for name in self.info.features}

        builder = CelebA(data_dir=str(tmp_path / "tfds"))
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=3))
        assert [len(split.shard_lengths) for split in builder.info.splits.values()] == [3, 3, 3]
        return tmp_path / "tfds"

    return make


@pytest.mark.parametrize("identities", [False, True])
def test_the_join_gives_each_image_its_name_and_identity(celeba_folder, celeb_a, identities):
    from tfslim.data.tfds.reader import read_prepared

    little = celeba_folder(40, images="zip", size=(218, 178))
    data_dir = celeb_a(little, identities)
    seen = []
    for part in ("train", "validation", "test"):
        for example in read_prepared(data_dir, part, little.path).as_numpy_iterator():
            row = little.files.index(example["file"].decode())
            seen.append(row)
            assert ("train", "validation", "test")[little.parts[row]] == part
            assert example["identity"] == little.identities[row] and example["identity"].dtype == np.int32
            assert (example["attributes"] == little.attributes[row]).all()
            # The pictures are of one colour each, which no label file knows: the join is right by this too.
            assert np.abs(example["image"].mean(axis=(0, 1)) - little.pixels[row]).max() < 3
    assert sorted(seen) == list(range(40))


def test_the_identity_file_alone_is_enough(celeba_folder, celeb_a):
    from tfslim.data.tfds.reader import read_prepared

    little = celeba_folder(30, images="zip", size=(218, 178))
    data_dir = celeb_a(little, False)
    for file in ("list_attr_celeba.txt", "list_eval_partition.txt"):
        (little.path / file).unlink()
    for example in read_prepared(data_dir, "validation", little.path).as_numpy_iterator():
        row = little.files.index(example["file"].decode())
        assert example["identity"] == little.identities[row]
        assert np.abs(example["image"].mean(axis=(0, 1)) - little.pixels[row]).max() < 3


def test_labels_of_another_set_are_told(celeba_folder, celeb_a, tmp_path):
    import tensorflow as tf

    from tfslim.data.tfds.reader import read_prepared

    data_dir = celeb_a(celeba_folder(30, images="zip", size=(218, 178)), False)
    other = celeba_folder(30, seed=1, name="other")
    with pytest.raises(tf.errors.InvalidArgumentError, match="are both of one CelebA"):
        list(read_prepared(data_dir, "test", other.path))
    fewer = celeba_folder(20, name="fewer")
    with pytest.raises(ValueError, match=r"list 4 images of the test part .* but TFDS has 6"):
        read_prepared(data_dir, "test", fewer.path)
    (other.path / "identity_CelebA.txt").unlink()
    with pytest.raises(FileNotFoundError, match="no identity_CelebA.txt to join with"):
        read_prepared(data_dir, "test", other.path)
    with pytest.raises(FileNotFoundError, match="no prepared celeb_a"):
        read_prepared(tmp_path / "nowhere", "test", other.path)
    with pytest.raises(ValueError, match="part must be one of"):
        read_prepared(data_dir, "val", other.path)


@pytest.mark.parametrize("images", ["folder", "zip"])
def test_the_builder_keeps_attributes_and_identity_together(celeba_folder, tmp_path, images):
    from tfslim.data.tfds.builder import prepare_celeba_tfds

    little = celeba_folder(10, images=images)
    builder = prepare_celeba_tfds(little.path, tmp_path / "tfds")
    assert {name: split.num_examples for name, split in builder.info.splits.items()} == {
        "train": 6,
        "validation": 2,
        "test": 2,
    }
    seen = []
    for example in tfds.as_numpy(builder.as_dataset("train")):
        row = little.files.index(example["file"].decode())
        seen.append(row)
        assert [example["attributes"][name] for name in ATTRIBUTES] == little.attributes[row].astype(bool).tolist()
        assert example["identity"] == little.identities[row]
        assert np.abs(example["image"].mean(axis=(0, 1)) - little.pixels[row]).max() < 3
    assert sorted(seen) == list(range(6))


def test_the_builder_stops_at_a_damaged_image_with_its_name(celeba_folder, tmp_path):
    from tfslim.data.images import ImageError
    from tfslim.data.tfds.builder import prepare_celeba_tfds

    little = celeba_folder(10)
    (little.image_folder / "000004.jpg").write_bytes(little.jpeg(3)[:200])
    with pytest.raises(ImageError, match=r"000004\.jpg"):
        prepare_celeba_tfds(little.path, tmp_path / "tfds")


@pytest.mark.parametrize("labels, file", [("ip", "list_attr_celeba.txt"), ("ap", "identity_CelebA.txt")])
def test_the_builder_needs_both_label_files(celeba_folder, tmp_path, labels, file):
    from tfslim.data.tfds.builder import prepare_celeba_tfds

    with pytest.raises(FileNotFoundError, match=f"no {file}, which this dataset needs"):
        prepare_celeba_tfds(celeba_folder(10, labels=labels).path, tmp_path / "tfds")
