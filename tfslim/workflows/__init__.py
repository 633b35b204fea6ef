"""Work of the `tfslim` subcommands, to be called from Python.

It is training, pruning, export and evaluation.
"""
