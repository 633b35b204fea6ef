"""Int8 quantization-aware training on Keras 3."""
