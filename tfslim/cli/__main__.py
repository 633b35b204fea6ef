"""The `tfslim` command: choose the subcommand and run it."""

import importlib
import sys


def main() -> None:
    """Run the subcommand named by the first argument."""
    name = sys.argv.pop(1)
    importlib.import_module(f"tfslim.cli.{name}").run()


if __name__ == "__main__":
    main()
