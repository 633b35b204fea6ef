"""A Keras model as a graph: traversal, copying, rebuilding, flattening, decomposition."""

from tfslim._support.extras import naming_extra

with naming_extra(__name__):
    import keras  # noqa: F401  first, so that without a backend the extra is named
