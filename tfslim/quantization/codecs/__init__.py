"""Codecs: values to low-bit codes and codebooks, and back."""
