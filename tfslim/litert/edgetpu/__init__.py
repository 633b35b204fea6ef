"""Prepare models and check files for the Edge TPU."""
