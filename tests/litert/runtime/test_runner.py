"""Scales of inputs and outputs, and files that are none."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given, settings, strategies as st

import tfslim.litert
from tfslim.litert import ModelFileError, Runner
from tfslim.litert.runtime.runner import dequantize, quantize


def test_values_worked_by_hand():
    details = {"dtype": np.int8, "quantization": (0.5, -3)}
    # 1.2 / 0.5 = 2.4 -> 2, minus 3; far values stop at the ends of int8.
    np.testing.assert_array_equal(quantize(np.array([0.0, 1.2, 1000.0, -1000.0]), details), [-3, -1, 127, -128])
    np.testing.assert_array_equal(dequantize(np.array([-3, -1, 127], "int8"), details), [0.0, 1.0, 65.0])
    plain = {"dtype": np.float32, "quantization": (0.0, 0)}
    assert quantize(np.array([7], "uint8"), plain).dtype == np.float32
    np.testing.assert_array_equal(dequantize(np.array([1.5], "float32"), plain), [1.5])


@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_same_as_the_bare_interpreter(files, pictures, quantization):
    path, _ = files[quantization]
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    (taken,), (given_out,) = interpreter.get_input_details(), interpreter.get_output_details()
    expected = []
    for image in pictures[:8].astype("float32"):
        value = image[None]
        if quantization == "int8":
            value = np.clip(np.round(value / taken["quantization"][0]) + taken["quantization"][1], -128, 127).astype(
                "int8"
            )
        interpreter.set_tensor(taken["index"], value)
        interpreter.invoke()
        out = interpreter.get_tensor(given_out["index"])[0].astype("float32")
        if quantization == "int8":
            out = (out - given_out["quantization"][1]) * given_out["quantization"][0]
        expected.append(out)
    for images in (pictures[:8], pictures[:8].astype("float32")):
        found = tfslim.litert.predict(path, images, threads=2)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_no_images_give_no_rows(files):
    assert Runner(files["int8"][0]).predict(np.empty((0, 16, 16, 3))).shape == (0, 5)


def test_images_of_another_shape_are_refused(files):
    with pytest.raises(ValueError, match=r"images of shape \(2, 8, 8, 3\); .*none.tflite takes \(N, 16, 16, 3\)"):
        Runner(files["none"][0]).predict(np.zeros((2, 8, 8, 3)))
    with pytest.raises(ValueError, match="threads must be 1 or more"):
        Runner(files["none"][0], threads=0)


def test_missing_and_foreign_files_are_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"gone\.tflite: no such file"):
        Runner(tmp_path / "gone.tflite")
    for content in (b"", b"\x00", b"PK\x03\x04 a zip file, not this", b"\xff" * 5000):
        foreign = tmp_path / "foreign.tflite"
        foreign.write_bytes(content)
        with pytest.raises(ModelFileError, match=rf"foreign\.tflite: not a \.tflite file: .* its {len(content)} bytes"):
            Runner(foreign)
    with pytest.raises(ModelFileError, match="cannot be read"):
        Runner(tmp_path)


@settings(deadline=None, max_examples=60)
@given(share=st.floats(0, 1, exclude_max=True))
def test_file_cut_short_anywhere_is_refused(files, share):
    path, _ = files["int8"]
    data = path.read_bytes()
    cut = path.with_name("cut.tflite")
    cut.write_bytes(data[: int(share * len(data))])
    with pytest.raises(ModelFileError, match=r"cut\.tflite"):
        Runner(cut)
