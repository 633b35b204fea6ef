"""Files written again without overhead: smaller, and the same to the last bit."""

import shutil
import zipfile

import keras
import numpy as np
import pytest

import tfslim
from tests.export_checks import with_statistics
from tests.litert import flat_edit
from tfslim.litert import ModelFileError, read, slim_file
from tfslim.litert.flatbuffer import reader, schema
from tfslim.litert.flatbuffer.model_file import open_file
from tfslim.litert.runtime.isolated import compare_files


def weights_of(path) -> list:
    """The values of all constants, in the order of the tensors."""
    return [tensor.values() for graph in read(path).graphs for tensor in graph.tensors if tensor.constant]


def test_a_smaller_file_answers_the_same(edge_files, pictures, tmp_path):
    path = edge_files / "clean.tflite"
    out = tmp_path / "slim.tflite"
    report = slim_file(path, out)
    assert report.figures["bytes"] == out.stat().st_size < path.stat().st_size == report.figures["bytes_before"]
    before, after = tfslim.litert.predict(path, pictures), tfslim.litert.predict(out, pictures)
    np.testing.assert_array_equal(before, after)
    assert np.ptp(before) > 0
    assert not report.skipped and "bit-equal" in str(report)
    kinds = report.to_dict()["bytes_by_kind"]
    assert sum(row["before"] for row in kinds.values()) == report.figures["bytes_before"]
    assert sum(row["after"] for row in kinds.values()) == report.figures["bytes"]
    for kind in ("weights", "biases"):
        assert kinds[kind]["before"] == kinds[kind]["after"]
    for kind in ("scales and zero points", "tensor names", "graph", "metadata"):
        assert kinds[kind]["after"] < kinds[kind]["before"]
    # A second time there is nothing left to do.
    again = slim_file(out, tmp_path / "again.tflite")
    assert again.figures["bytes"] == report.figures["bytes"]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["again.tflite", "slim.tflite"]


def test_names_of_inputs_outputs_and_signatures_stay(edge_files, tmp_path):
    path = edge_files / "clean.tflite"
    slim_file(path, tmp_path / "slim.tflite")
    before, after = read(path), read(tmp_path / "slim.tflite")
    graph = after.graphs[0]
    ends = {*graph.inputs, *graph.outputs}
    assert {tensor.index for tensor in graph.tensors if tensor.name} == ends
    for index in ends:
        assert graph.tensors[index].name == before.graphs[0].tensors[index].name
    two = edge_files / "two_signatures.tflite"
    slim_file(two, tmp_path / "two.tflite")
    assert set(read(tmp_path / "two.tflite").signatures) == {"twice", "more"}
    assert read(tmp_path / "two.tflite").signatures == read(two).signatures
    assert after.min_runtime_version == before.min_runtime_version and not after.producer
    slim_file(path, tmp_path / "named.tflite", keep_names=True, keep_metadata=["CONVERSION_METADATA"])
    named = read(tmp_path / "named.tflite")
    assert [tensor.name for tensor in named.graphs[0].tensors] == [t.name for t in before.graphs[0].tensors]
    assert named.producer == before.producer and not named.min_runtime_version


def test_zero_points_are_stored_once_for_each_length(edge_files, tmp_path):
    slim_file(edge_files / "clean.tflite", tmp_path / "slim.tflite")
    opened = open_file(tmp_path / "slim.tflite")
    places = {}
    for start, stop, where in opened.regions:
        if where[-1:] == ("zero_point",) and not np.frombuffer(opened.data[start + 4 : stop], "i8").any():
            places.setdefault(stop - start, set()).add(start)
    assert len(places) > 1 and all(len(starts) == 1 for starts in places.values())


def test_double_buffers_and_unused_codes_go(edge_files, tmp_path):
    def double(model):
        first, second = (model["subgraphs"][0]["operators"][place] for place in (0, 1))
        model["operator_codes"].append(reader.Table("OperatorCode", {"builtin_code": 3, "version": 2}))
        model["operator_codes"].append(reader.Table("OperatorCode", dict(model["operator_codes"][0])))
        tensors = model["subgraphs"][0]["tensors"]
        biases = [model["buffers"][tensors[operator["inputs"][2]]["buffer"]] for operator in (first, second)]
        biases[1]["data"] = biases[0]["data"]

    doubled = flat_edit.edited(edge_files / "clean.tflite", tmp_path / "double.tflite", double)
    slim_file(doubled, tmp_path / "slim.tflite")
    before, after = read(doubled), read(tmp_path / "slim.tflite")
    assert [uses for _, _, uses in before.operator_codes].count(0) == 2
    assert all(uses for _, _, uses in after.operator_codes)
    graph = after.graphs[0]
    first, second = (graph.operand(operator, 2).buffer for operator in graph.operators[:2])
    assert first == second != 0
    # One empty buffer is enough.
    assert after.buffer_bytes.count(0) == 1 and before.buffer_bytes.count(0) > 10
    for old, new in zip(weights_of(doubled), weights_of(tmp_path / "slim.tflite"), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    "name", ["float32", "float16", "dynamic", "loop", "lstm", "open_flat", "sparse", "two_signatures"]
)
def test_files_of_every_kind(edge_files, tmp_path, name):
    report = slim_file(edge_files / f"{name}.tflite", tmp_path / "slim.tflite")
    assert report.figures["bytes"] < report.figures["bytes_before"] and not report.skipped


def test_what_cannot_run_here_is_compared_without_running(edge_files, tmp_path):
    report = slim_file(edge_files / "flex.tflite", tmp_path / "slim.tflite")
    assert "running both files" in report.skipped and "Flex" in report.skipped["running both files"]
    assert report.figures["bytes"] < report.figures["bytes_before"]


def test_labels_in_a_zip_stay(edge_files, tmp_path):
    path = tmp_path / "labels.tflite"
    shutil.copy(edge_files / "clean.tflite", path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.txt", "Bald\n" * 100)
    slim_file(path, path)
    assert read(path).associated_files == {"labels.txt": 500}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None and archive.read("labels.txt") == b"Bald\n" * 100
    assert compare_files(edge_files / "clean.tflite", path) == 0


def test_a_damaged_zip_is_refused(edge_files, tmp_path):
    path = tmp_path / "labels.tflite"
    shutil.copy(edge_files / "clean.tflite", path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "Bald and Male")
    path.write_bytes(path.read_bytes().replace(b"Bald and", b"Bald xxx"))
    with pytest.raises(ModelFileError, match="the zip at its end is damaged"):
        slim_file(path, tmp_path / "slim.tflite")
    assert [entry.name for entry in tmp_path.iterdir()] == ["labels.tflite"]


def test_buffers_outside_are_brought_inside(edge_files, tmp_path):
    moved = flat_edit.outside(edge_files / "clean.tflite", tmp_path / "outside.tflite", "CONV_2D", 1)
    slim_file(moved, tmp_path / "slim.tflite")
    assert not any(tensor.outside for tensor in read(tmp_path / "slim.tflite").graphs[0].tensors)
    for old, new in zip(weights_of(edge_files / "clean.tflite"), weights_of(tmp_path / "slim.tflite"), strict=True):
        np.testing.assert_array_equal(old, new)
    assert compare_files(edge_files / "clean.tflite", tmp_path / "slim.tflite") == 0


def test_newer_fields_are_left_alone(edge_files, tmp_path, monkeypatch):
    monkeypatch.setitem(schema.FIELDS, "Conv2DOptions", schema.FIELDS["Conv2DOptions"][:3])
    with pytest.raises(ModelFileError, match="a Conv2DOptions table has fields newer than"):
        slim_file(edge_files / "clean.tflite", tmp_path / "slim.tflite")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_and_a_damaged_file(edge_files, tmp_path):
    with pytest.raises(FileNotFoundError, match="make it first"):
        slim_file(edge_files / "clean.tflite", tmp_path / "none" / "slim.tflite")
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes((edge_files / "clean.tflite").read_bytes()[:5000])
    with pytest.raises(ModelFileError, match="damaged"):
        slim_file(damaged, tmp_path / "slim.tflite")
    assert [entry.name for entry in tmp_path.iterdir()] == ["damaged.tflite"]


@pytest.mark.slow
def test_slimnet_of_the_papers_size_is_under_670_kb(tmp_path):
    keras.utils.set_random_seed(0)
    # Biases that are all zero would be shared already.
    model = with_statistics(tfslim.models.SlimNet(input_shape=(218, 178, 3), classes=40))
    images = np.random.default_rng(0).integers(0, 256, (20, 218, 178, 3), dtype="uint8")
    tfslim.litert.convert(model, tmp_path / "plain.tflite", "int8", representative=images)
    report = slim_file(tmp_path / "plain.tflite", tmp_path / "slim.tflite")
    assert report.figures["bytes_before"] > 780_000
    assert report.figures["bytes"] < 670_000
    assert not report.skipped
    before, after = (tfslim.litert.predict(tmp_path / name, images[:4]) for name in ("plain.tflite", "slim.tflite"))
    np.testing.assert_array_equal(before, after)
