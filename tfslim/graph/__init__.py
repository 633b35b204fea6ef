"""A Keras model as a graph: traversal, copying, rebuilding, flattening, decomposition."""
