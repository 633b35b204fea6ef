"""The `tfslim` command: one module a subcommand."""
