"""Reproduce the papers' tables: many runs, seeds and comparisons."""
