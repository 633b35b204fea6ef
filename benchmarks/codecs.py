"""How fast weights are put into few bits and taken out again by one core."""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from tfslim.cli import app

DESCRIPTION = """\
Measures encoding (codes, then packing) and decoding (unpacking, then values) in megabytes of float32 a second, beside
what numpy does anyway: numpy.packbits of the signs, and astype to float16 and back. All in one thread and in turn,
round by round; medians over the rounds, of the seconds that the core worked, which other programs on the machine
disturb less than the time gone by. With entropy_coding, also with an entropy coder in place of packing.

Examples:
  python benchmarks/codecs.py
  python benchmarks/codecs.py --bits '[2,4,6,8,10]' --million 16 --rounds 9 --out codecs.json
  python benchmarks/codecs.py --entropy_coding true
"""


def main(
    bits: tuple[int, ...] = (4, 10),
    million: float = 8.0,
    rounds: int = 5,
    entropy_coding: bool = False,
    out: str | None = None,
) -> None:
    """Measures and prints the table.

    Args:
        bits: bits of the codes
        million: millions of weights
        rounds: how often each is measured, after one round that does not count
        entropy_coding: whether to measure entropy coding as well, which takes the library constriction
        out: JSON file for the results
    """
    if rounds < 1 or not 0.001 <= million <= 1000:
        raise ValueError(f"rounds={rounds}, million={million}; expected 1 or more, and 0.001 to 1000")
    from tfslim._support.text import text_table

    weights = normal_weights(int(million * 1e6))
    pairs = numpy_pairs(weights)
    for width in bits:
        pairs |= codec_pairs(weights, width, entropy_coding)
    seconds = {name: ([], []) for name in pairs}
    for turn in range(rounds + 1):
        for name, (there, back) in pairs.items():
            forwards, made = timed(there)
            backwards, _ = timed(lambda back=back, made=made: back(made))
            if turn:
                seconds[name][0].append(forwards)
                seconds[name][1].append(backwards)
    speeds = {
        name: [[weights.nbytes / 1e6 / each for each in direction] for direction in both]
        for name, both in seconds.items()
    }
    rows = [[name, *(f"{statistics.median(each):,.0f}" for each in both)] for name, both in speeds.items()]
    print(f"{weights.size:,} float32 weights, {rounds} rounds, one thread; megabytes of float32 a core second")
    print(text_table(rows, align="<>>", head=["", "there", "back"]))
    if out:
        from tfslim._support.files import replacing

        with replacing(out) as beside:
            Path(beside).write_text(json.dumps(speeds, indent=1) + "\n", encoding="utf-8")


def normal_weights(count: int):
    """A kernel's worth of weights: (values / 64, 64) float32, normal, a tenth of them zero."""
    import numpy as np

    random = np.random.default_rng(0)
    weights = random.normal(0, 0.05, (max(1, count // 64), 64)).astype("float32")
    weights[random.random(weights.shape) < 0.1] = 0
    return weights


def numpy_pairs(weights) -> dict[str, tuple[Callable, Callable]]:
    """Time the bare numpy operations that any codec needs: encode, then decode the result."""
    import numpy as np

    return {
        "numpy.packbits of the signs": (lambda: np.packbits(weights.reshape(-1) < 0), np.unpackbits),
        "numpy astype float16": (lambda: weights.astype(np.float16), lambda halves: halves.astype(np.float32)),
    }


def codec_pairs(weights, bits: int, entropy_coding: bool) -> dict[str, tuple[Callable, Callable]]:
    """Encoding to bytes, and decoding these."""
    import dataclasses

    from tfslim.quantization import LogMinMax, Uniform
    from tfslim.quantization.packed.bit_packing import pack, unpack
    from tfslim.quantization.packed.entropy_coding import decode_entropy, encode_entropy

    def pair(codec, write, read):
        def there():
            encoded = codec.encode(weights)
            return encoded, write(encoded.codes)

        def back(made):
            encoded, data = made
            return codec.decode(dataclasses.replace(encoded, codes=read(data, encoded.codes.size)))

        return there, back

    def packed(codec):
        return pair(
            codec,
            lambda codes: pack(codes, codec.code_bits),
            lambda data, count: unpack(data, codec.code_bits, count),
        )

    def entropy_coded(codec):
        return pair(codec, encode_entropy, lambda data, count: decode_entropy(data, count, codec.code_bits))

    codecs = {f"{name}, {bits} bits": kind(bits) for name, kind in (("log_min_max", LogMinMax), ("uniform", Uniform))}
    pairs = {name: packed(codec) for name, codec in codecs.items()}
    if entropy_coding:
        pairs |= {f"{name}, entropy-coded": entropy_coded(codec) for name, codec in codecs.items()}
    return pairs


def timed(action: Callable) -> tuple[float, object]:
    """Seconds that the core worked, and what came out."""
    started = time.process_time()
    result = action()
    return time.process_time() - started, result


if __name__ == "__main__":
    app.run(main, DESCRIPTION)
