"""Read a .tflite file with the code generated from the schema, an independent reader."""

from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from tfslim.litert.flatbuffer.model_file import open_file


def open_flatfile(path: str | Path) -> schema.ModelT:
    """Return the root object of a file that passes the checks of `open_file`."""
    return schema.ModelT.InitFromPackedBuf(open_file(path).data)
