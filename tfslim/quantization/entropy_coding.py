"""Codes in about as many bits as their frequencies allow."""

from types import ModuleType

import numpy as np

from tfslim.quantization.frequency_table import FrequencyTable, smallest_table
from tfslim.quantization.variable_integers import Reader

MOST_VALUES_A_BYTE = 64  # what a reader may be made to allocate stays in proportion to the file


def encode_entropy(codes: np.ndarray) -> bytes:
    """A frequency table and the codes, by asymmetric numeral systems.

    After the table come 32-bit words, little-endian: the stack of a coder with 32-bit words, a 64-bit state and 24-bit
    probabilities, as constriction's `AnsCoder` gives it; then zeros, if a byte would stand for more than 64 codes. With
    n codes in the table, frequencies f and their sum F, code i takes the interval from
    floor((f[0] + ... + f[i - 1]) * ((2**24 - n) / F)) + i to that of code i + 1, in doubles; the last ends at 2**24.

    Args:
        codes: (count,) codes below 2**17, at least one.

    Raises:
        ImportError: constriction is not installed.

    Example:
        >>> len(encode_entropy(np.zeros(4096, np.uint16)))
        64

    Source: Duda, "Asymmetric numeral systems", arXiv 1311.2540; Bamler, "Understanding Entropy Coding With Asymmetric
        Numeral Systems", arXiv 2201.01741.
    """
    coding = _constriction()
    table = smallest_table(codes)
    coder = coding.stream.stack.AnsCoder()
    coder.encode_reverse(codes.astype(np.int32), _model(coding, table))
    data = table.to_bytes() + coder.get_compressed().astype("<u4").tobytes()
    return data.ljust(-(-codes.size // MOST_VALUES_A_BYTE), b"\0")


def decode_entropy(data: bytes, count: int, code_bits: int) -> np.ndarray:
    """Reads what `encode_entropy` wrote.

    Args:
        data: the bytes.
        count: how many codes they hold, at least one.
        code_bits: 1 to 17; no code may need more.

    Returns:
        (count,) uint16, or uint32 where `code_bits` is above 16.

    Raises:
        ImportError: constriction is not installed.
        ValueError: the bytes are not what such codes are written as.
    """
    coding = _constriction()
    if len(data) * MOST_VALUES_A_BYTE < count:
        raise ValueError(f"{len(data)} bytes are too few for {count} codes")
    reader = Reader(data)
    table = FrequencyTable.read(reader)
    if table.symbols > max(2, 1 << code_bits):
        raise ValueError(f"a frequency table has {table.symbols} codes; {code_bits} bits have {1 << code_bits}")
    stream = bytes(reader.take(reader.left)).rstrip(b"\0")
    words = np.frombuffer(stream + bytes(-len(stream) % 4), "<u4").astype(np.uint32)
    coder = coding.stream.stack.AnsCoder(words)
    codes = coder.decode(_model(coding, table), count)
    if not coder.is_empty():
        raise ValueError(f"entropy-coded words are left after {count} codes")
    return codes.astype(np.uint16 if code_bits <= 16 else np.uint32)


def _model(coding: ModuleType, table: FrequencyTable) -> object:
    # Without "perfect" the intervals are those of the docstring above, which other languages can work out as well.
    return coding.stream.model.Categorical(table.frequencies(), perfect=False)


def _constriction() -> ModuleType:
    try:
        import constriction
    except ImportError as error:
        raise ImportError(
            'entropy-coded files need the library constriction: pip install "tfslim-edge[packed]"'
        ) from error
    return constriction
