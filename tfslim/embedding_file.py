"""Whether a `.tflite` file says that it gives an embedding, which no shape can tell from answers about people."""

from pathlib import Path


def says_embedding(file: Path) -> bool:
    """Whether a `.tflite` file calls an output "embedding" in its signature, as `tfslim.litert.convert` does.

    A model cut at a layer of another name can't be told by this.

    Args:
        file: any file; one with another suffix says nothing.

    Raises:
        ValueError: the file is damaged.

    Example:
        >>> says_embedding(Path("runs/flame/embedding-int8.tflite"))
        True
    """
    if file.suffix != ".tflite":
        return False
    from tfslim.litert import read

    return any("embedding" in signature["outputs"] for signature in read(file).signatures.values())
