"""The papers' tables: many runs, seeds and comparisons."""
