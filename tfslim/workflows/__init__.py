"""The work of the `tfslim` subcommands, to be called from Python too: training, pruning, export, evaluation."""
