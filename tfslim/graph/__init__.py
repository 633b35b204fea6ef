"""A Keras model as a graph of layers: walk through it, copy it, rebuild it, open it into stock layers."""
