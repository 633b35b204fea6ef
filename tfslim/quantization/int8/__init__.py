"""Training with int8 roundings on Keras 3."""
