"""Models and files for the Edge TPU, prepared and checked."""
