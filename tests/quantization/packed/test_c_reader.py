"""The reader in C gives the very values that Python gives."""

import importlib.util
import os
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from tests.quantization.packed_bytes import packed_bytes, packed_tensors
from tfslim.quantization.codecs.detection import detect_codec
from tfslim.quantization.codecs.log_min_max import LogMinMax
from tfslim.quantization.packed.container import join_sections, split_sections
from tfslim.quantization.packed.reader import parse_packed
from tfslim.quantization.packed.tensor import packed_codes
from tfslim.quantization.packed.tensor_table import write_list

SOURCE = Path(__file__).parents[3] / "examples" / "packed_reader" / "read_packed.c"


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    program = tmp_path_factory.mktemp("reader") / "read_packed"
    strict = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program)]
    for more in (strict, []):  # not every compiler comes with the sanitisers' libraries
        built = subprocess.run([compiler, *more, *flags, str(SOURCE), "-lz", "-lm"], capture_output=True, text=True)
        if "zlib.h" in built.stderr:
            pytest.skip("zlib's header is not installed")
        if built.returncode == 0:
            break
    assert built.returncode == 0, built.stderr
    return program


def read(reader, *files):
    # What the program still holds when it ends is no leak.
    environment = os.environ | {"ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.run(
        [reader, *files], capture_output=True, text=True, errors="replace", timeout=60, env=environment
    )


def assert_reads_the_same(reader, data, tmp_path):
    (tmp_path / "file.tfslim").write_bytes(data)
    done = read(reader, tmp_path / "file.tfslim", tmp_path / "values")
    assert done.returncode == 0, done.stderr
    expected = parse_packed(data, "file").tensors
    lines = done.stdout.splitlines()
    assert len(lines) == len(expected)
    values, start = (tmp_path / "values").read_bytes(), 0
    for line, (name, tensor) in zip(lines, expected.items(), strict=True):
        stop = start + tensor.values.nbytes
        assert values[start:stop] == tensor.values.tobytes(), line
        start = stop
        shape = ", ".join(map(str, tensor.values.shape))
        assert line.startswith(f"{name} ({shape}) kind ")
        assert line.endswith(f"crc32 {zlib.crc32(tensor.values.tobytes()):08x}")
    assert start == len(values)


@pytest.mark.parametrize("entropy_coding", [False, True])
def test_every_kind(reader, entropy_coding, tmp_path):
    if entropy_coding:
        pytest.importorskip("constriction")
        assert any(entry.coded_bytes for entry in packed_tensors()[0])
    assert_reads_the_same(reader, packed_bytes(entropy_coding), tmp_path)


def test_every_width_of_log_min_max_and_recognised_tensors(reader, tmp_path):
    rng = np.random.default_rng(3)
    entropy_coding = importlib.util.find_spec("constriction") is not None
    entries, stored = [], []
    for rule in ("exact_zero", "nearest", "floor"):
        for bits in range(1, 17):
            for sign in (0, 1, -1):
                values = rng.normal(0, 0.1, (7, 31)).astype("float32")
                values = sign * np.abs(values) if sign else values
                values[0, :5] = 0
                codec = LogMinMax(bits, rule)
                name = f"{rule}/{bits}/{sign}"
                coded = entropy_coding and bits % 2 == 0
                made = packed_codes(f"{name}/as_asked", codec, codec.encode(values), (-1,), coded)
                found, encoded = detect_codec(codec.decode(codec.encode(values)))
                for entry, data in (made, packed_codes(f"{name}/as_found", found, encoded, (-1,), coded)):
                    entries.append(entry)
                    stored.append(data)
    assert_reads_the_same(reader, join_sections(b"{}", write_list(entries), b"".join(stored)), tmp_path)


def test_damage_is_refused(reader, tmp_path):
    whole = packed_bytes(False)
    rng = np.random.default_rng(4)
    files = [whole[:length] for length in (0, 20, 52, 300, len(whole) - 1)]
    for position in rng.integers(len(whole), size=60):
        files.append(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
    for data in files:
        (tmp_path / "file.tfslim").write_bytes(data)
        done = read(reader, tmp_path / "file.tfslim")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("read_packed: ")


def test_damage_by_somebody_who_sets_the_checksums_right(reader, tmp_path):
    """The reader says what is wrong, or reads something; it never dies of it, nor takes memory without bounds."""
    parts = split_sections(packed_bytes(False))
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(300):
        listed = bytearray(parts["tensor list"])
        for position in rng.integers(len(listed), size=rng.integers(1, 4)):
            listed[position] = rng.choice([0, 1, 2, 4, 8, 32, 64, 127, 128, 255, rng.integers(256)])
        data = join_sections(parts["architecture"], bytes(listed), parts["tensor data"])
        (tmp_path / "file.tfslim").write_bytes(data)
        done = read(reader, tmp_path / "file.tfslim")
        assert done.returncode in (0, 1), done.stderr[-2000:]
        if done.returncode:
            assert done.stderr.startswith("read_packed: "), done.stderr[-2000:]
            refused += 1
    assert refused > 150


def test_a_refused_file_leaves_the_values_of_another_alone(reader, tmp_path):
    (tmp_path / "values").write_bytes(b"precious")
    (tmp_path / "file.tfslim").write_bytes(packed_bytes(False)[:-1])
    done = read(reader, tmp_path / "file.tfslim", tmp_path / "values")
    assert done.returncode == 1
    assert (tmp_path / "values").read_bytes() == b"precious"
