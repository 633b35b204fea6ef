"""TensorFlow Datasets, which is an optional extra of this package."""

try:
    import tensorflow_datasets as tfds
except ModuleNotFoundError as error:
    if error.name != "tensorflow_datasets":
        raise  # it is there, but lacks something itself
    raise ModuleNotFoundError(
        "TensorFlow Datasets is not installed: pip install 'tfslim-edge[tfds]'", name="tensorflow_datasets"
    ) from None

__all__ = ["tfds"]
