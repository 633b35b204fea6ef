"""Keras models as graphs: traversal, cloning, flattening and decomposition."""
