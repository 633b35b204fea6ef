"""Bytes out of a folder and out of an unopened zip."""

import concurrent.futures
import zipfile

import pytest

from tfslim.data.sources import ImageArchive, ImageFolder, find_source


@pytest.mark.parametrize("images", ["folder", "nested", "zip"])
def test_each_place_gives_the_same_bytes(celeba_folder, images):
    little = celeba_folder(6, images=images)
    source = find_source(little.path)
    assert set(little.files) <= source.names()
    assert [source.read(file) for file in little.files] == [little.jpeg(row) for row in range(6)]


@pytest.mark.parametrize("images", ["folder", "zip"])
def test_each_place_gives_the_same_sizes(celeba_folder, images):
    little = celeba_folder(6, images=images)
    source, files = find_source(little.path), little.files[::-1]
    assert source.sizes(files).tolist() == [len(little.jpeg(row)) for row in reversed(range(6))]
    assert source.sizes([]).shape == (0,)
    with pytest.raises(FileNotFoundError, match="zzz.jpg"):
        source.sizes([*files, "zzz.jpg"])


def test_the_download_layout_is_found(tmp_path):
    (tmp_path / "Img").mkdir()
    with zipfile.ZipFile(tmp_path / "Img/img_align_celeba.zip", "w") as archive:
        archive.writestr("img_align_celeba/000001.jpg", b"one")
    assert find_source(tmp_path).read("000001.jpg") == b"one"


def test_neither_folder_nor_zip_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither a folder img_align_celeba nor a file img_align_celeba.zip"):
        find_source(tmp_path)


def test_many_threads_read_one_archive(celeba_folder):
    little = celeba_folder(8, images="zip")
    source = ImageArchive(little.path / "img_align_celeba.zip")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(source.read, little.files * 50))
    assert got == [little.jpeg(row) for row in range(8)] * 50


def test_an_archive_leaves_out_a_macs_resource_forks(celeba_folder):
    little = celeba_folder(3, images="zip")
    assert ImageArchive(little.path / "img_align_celeba.zip").names() == set(little.files)


def test_an_archive_cut_short_is_told(celeba_folder):
    path = celeba_folder(3, images="zip").path / "img_align_celeba.zip"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"img_align_celeba\.zip: can't be read as a zip archive .*complete\?"):
        ImageArchive(path)


def test_damaged_packed_bytes_are_told(celeba_folder):
    little = celeba_folder(3, images="zip")
    path = little.path / "img_align_celeba.zip"
    packed = bytearray(path.read_bytes())
    for row in range(3):
        source = ImageArchive(path)
        at = packed.find(little.files[row].encode()) + 100
        packed[at : at + 20] = b"\xff" * 20
    path.write_bytes(packed)
    for file in little.files:
        with pytest.raises(ValueError, match=f"{file} is damaged"):
            source.read(file)


def test_an_archive_with_a_name_twice_is_told(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("one/000001.jpg", b"1")
        archive.writestr("two/000001.jpg", b"2")
    with pytest.raises(ValueError, match=r"two files named 000001\.jpg"):
        ImageArchive(path)


def test_an_unusual_packing_is_told(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("000001.jpg", b"1" * 100)
    with pytest.raises(ValueError, match=r"000001\.jpg is encrypted or not compressed by deflate"):
        ImageArchive(path)


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/hostname", "", "..", "a/b.jpg"])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    (tmp_path / "images").mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    with pytest.raises(ValueError, match="not the plain name"):
        ImageFolder(tmp_path / "images").read(name)


def test_an_unknown_name_in_an_archive(celeba_folder):
    path = celeba_folder(3, images="zip").path / "img_align_celeba.zip"
    with pytest.raises(FileNotFoundError, match=r"does not hold 000009\.jpg"):
        ImageArchive(path).read("000009.jpg")
