"""Rewrites of Keras models for the Edge TPU."""
