"""The summary of `read` against what was put into the file and what the interpreter reports."""

import json
import re
import zipfile

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tests.litert import flat_edit
from tfslim.litert import ModelFileError, read
from tfslim.litert.flatbuffer.byte_counts import KINDS
from tfslim.litert.flatbuffer.model_file import open_file


def assert_adds_up(summary) -> None:
    """Asserts that every byte is counted once."""
    assert sum(summary.bytes_by_kind.values()) == summary.bytes == summary.path.stat().st_size
    assert sum(sum(counts.values()) for counts in summary.bytes_by_operator.values()) == summary.bytes
    for kind in KINDS:
        by_operator = sum(counts.get(kind, 0) for counts in summary.bytes_by_operator.values())
        assert by_operator == summary.bytes_by_kind[kind] >= 0


def test_bytes_add_up_in_every_file(edge_files):
    for path in sorted(edge_files.glob("*.tflite")):
        summary = read(path)
        assert_adds_up(summary)
        # Alignment, and little else.
        assert summary.bytes_by_kind["padding and unread"] < 0.1 * summary.bytes + 300
        assert str(summary).startswith(path.name)
        json.dumps(summary.to_dict(), allow_nan=False)


def test_bytes_of_a_convolution_by_hand(edge_files):
    summary = read(edge_files / "float32.tflite")
    (operator,) = summary.graphs[0].operators
    # Each vector has its length in front of it.
    assert summary.bytes_by_kind["weights"] == 4 * 3 * 3 * 3 * 4 + 4
    assert summary.bytes_by_kind["biases"] == 4 * 4 + 4
    names = [tensor.name for tensor in summary.graphs[0].tensors]
    assert summary.bytes_by_kind["tensor names"] == sum(len(name) + 5 for name in names)
    assert summary.bytes_by_kind["other constants"] == summary.bytes_by_kind["associated files"] == 0
    counted = summary.bytes_by_operator[0, operator.index]
    assert (counted["weights"], counted["biases"]) == (436, 20)
    assert (operator.name, operator.version, operator.activation) == ("CONV_2D", 1, None)
    assert operator.options["padding"] == "VALID" and operator.options["stride_w"] == 1


def test_scales_shapes_and_types_are_the_interpreters(edge_files):
    path = edge_files / "clean.tflite"
    interpreter = Interpreter(str(path))
    details = {item["index"]: item for item in interpreter.get_tensor_details()}
    summary = read(path)
    tensors = summary.graphs[0].tensors
    assert len(tensors) > 15
    for tensor in tensors:
        told = details[tensor.index]
        assert tensor.name == told["name"] and tensor.shape == tuple(told["shape"])
        assert tensor.dtype.lower() == np.dtype(told["dtype"]).name
        found = told["quantization_parameters"]
        np.testing.assert_array_equal(tensor.scales, found["scales"])
        np.testing.assert_array_equal(tensor.zero_points, found["zero_points"])
        if len(tensor.scales) > 1:
            assert tensor.quantised_dimension == found["quantized_dimension"]
    constants = [tensor for tensor in tensors if tensor.constant]
    for tensor in constants:
        np.testing.assert_array_equal(tensor.values(), interpreter.get_tensor(tensor.index))
    assert [summary.graphs[0].inputs[0]] == [item["index"] for item in interpreter.get_input_details()]
    assert all(summary.buffer_bytes[tensor.buffer] == tensor.values().nbytes for tensor in constants)


def test_options_activations_signatures_and_origin(edge_files):
    summary = read(edge_files / "clean.tflite")
    operators = {operator.name: operator for operator in reversed(summary.graphs[0].operators)}
    assert operators["CONV_2D"].activation == "RELU" and operators["CONV_2D"].options["stride_h"] == 2
    assert operators["DEPTHWISE_CONV_2D"].activation == "RELU6"
    assert operators["MAX_POOL_2D"].options["filter_width"] == 2
    assert operators["CONCATENATION"].options == {"axis": -1} or operators["CONCATENATION"].options == {"axis": 3}
    assert summary.producer.startswith("TensorFlow 2.") and summary.description == "MLIR Converted."
    assert re.fullmatch(r"\d+\.\d+\.\d+", summary.min_runtime_version)
    assert all(uses for _, _, uses in summary.operator_codes)
    text = str(summary)
    assert "DEPTHWISE_CONV_2D v3" in text and "RELU6" in text and "stride 2x2" in text and "total" in text
    assert set(read(edge_files / "two_signatures.tflite").signatures) == {"twice", "more"}
    dilated = [operator.options["dilation_h_factor"] for operator in summary.graphs[0].operators[10:11]]
    assert dilated == [2]


def test_open_sizes_sparsity_and_custom_code(edge_files):
    graph = read(edge_files / "open_size.tflite").graphs[0]
    assert graph.tensors[graph.inputs[0]].shape_signature == (1, -1, -1, 3)
    assert read(edge_files / "batch.tflite").graphs[0].tensors[0].shape_signature is None
    sparse = [tensor for tensor in read(edge_files / "sparse.tflite").graphs[0].tensors if tensor.sparse]
    assert len(sparse) == 1 and sparse[0].values() is None and sparse[0].to_dict()["sparse"]
    codes = [operator.custom_code for operator in read(edge_files / "flex.tflite").graphs[0].operators]
    assert "FlexMatrixDeterminant" in codes


def test_files_in_an_appended_zip(edge_files, tmp_path):
    path = tmp_path / "with-labels.tflite"
    path.write_bytes((edge_files / "clean.tflite").read_bytes())
    bare = read(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "Bald\nMale\n")
    summary = read(path)
    assert summary.associated_files == {"labels.txt": 10} and bare.associated_files == {}
    assert summary.bytes_by_kind["associated files"] == summary.bytes - bare.bytes
    assert_adds_up(summary)
    assert "labels.txt (10 bytes)" in str(summary)
    # What merely looks like the end of a zip is none.
    path.write_bytes((edge_files / "clean.tflite").read_bytes() + b"PK\x05\x06" + bytes(18))
    assert read(path).associated_files == {} and read(path).bytes_by_kind["associated files"] == 0


def test_files_in_a_zip_of_a_version_to_come_are_not_listed(edge_files, tmp_path):
    path = tmp_path / "later.tflite"
    path.write_bytes((edge_files / "clean.tflite").read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labels.txt", "Bald\n")
        archive.filelist[0].extract_version = 99
    with pytest.raises(NotImplementedError):
        zipfile.ZipFile(path)
    assert read(path).associated_files == {}


def test_buffer_outside_the_flatbuffer_counts_as_weights(edge_files, tmp_path):
    whole = read(edge_files / "clean.tflite")
    moved = flat_edit.outside(edge_files / "clean.tflite", tmp_path / "outside.tflite", "CONV_2D", 1)
    summary = read(moved)
    assert_adds_up(summary)
    # Less the length that stood in front of it.
    assert summary.bytes_by_kind["weights"] == whole.bytes_by_kind["weights"] - 4
    outside = [tensor for tensor in summary.graphs[0].tensors if tensor.outside]
    assert len(outside) == 1 and outside[0].values().shape == (64, 3, 3, 3)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda model: flat_edit.operator(model, "ADD").update(inputs=np.array([0, 999], "i4")),
            "operator .*ADD.* tensor 999; the graph has",
        ),
        (
            lambda model: flat_edit.operator(model, "ADD").update(outputs=np.array([-7], "i4")),
            "operator .*ADD.* tensor -7; the graph has",
        ),
        (lambda model: flat_edit.operator(model, "ADD").update(opcode_index=99), "operator code 99; the file has"),
        (lambda model: flat_edit.tensor(model, "ADD", 0).update(buffer=1000), "tensor .* buffer 1000; the file has"),
        (lambda model: model["metadata"][0].update(buffer=1000), "metadata .* buffer 1000; the file has"),
        (
            lambda model: model["subgraphs"][0].update(inputs=np.array([-1], "i4")),
            "graph 0 is -1; expected the number of a tensor",
        ),
        (lambda model: model.update(subgraphs=[]), "no graphs or no buffers"),
        (lambda model: model.update(buffers=None), "no graphs or no buffers"),
    ],
)
def test_references_that_lead_nowhere(edge_files, tmp_path, change, message):
    model = open_file(edge_files / "clean.tflite").model
    model["buffers"] = model["buffers"] or []
    path = tmp_path / "damaged.tflite"
    try:
        flat_edit.edited(edge_files / "clean.tflite", path, change)
    except TypeError:
        # The writer needs buffers to know how much it writes.
        path.write_bytes(flat_edit.write_tables(flat_edit.Table("Model", {"buffers": []})))
    with pytest.raises(ModelFileError, match=rf"damaged\.tflite.*{message}"):
        read(path)


def test_signatures_that_lead_nowhere(edge_files, tmp_path):
    for change, message in (
        (lambda item: item.update(subgraph_index=7), "graph 7; the file has 2 graphs"),
        (lambda item: item["inputs"][0].update(tensor_index=70), "tensor 70; its graph has"),
    ):
        path = flat_edit.edited(
            edge_files / "two_signatures.tflite",
            tmp_path / "damaged.tflite",
            lambda model, change=change: change(model["signature_defs"][0]),
        )
        with pytest.raises(ModelFileError, match=message):
            read(path)
