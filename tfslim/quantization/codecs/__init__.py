"""Codecs: values to codes and codebooks of few bits, and back."""
