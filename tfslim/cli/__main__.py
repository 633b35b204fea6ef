"""The `tfslim` command, which runs the chosen subcommand."""

import importlib
import sys

from tfslim.cli.app.commands import COMMANDS, help_text


def main() -> None:
    """Run the first argument's subcommand and end the process."""
    words = sys.argv[1:]
    name = words[0].replace("_", "-") if words else "--help"
    if name in ("--help", "-h"):
        print(help_text(), end="")
        sys.exit(0)
    if name == "--version":
        from tfslim import __version__

        print(f"tfslim {__version__}")
        sys.exit(0)
    if name == "--print-completion":
        from tfslim.cli.app.completion import print_completion

        print_completion(words[1:])
        sys.exit(0)
    if name not in COMMANDS:
        from tfslim.cli.app.usage import did_you_mean, exit_with

        kind = "option" if name.startswith("-") else "command"
        exit_with(f"unknown {kind} {words[0]}{did_you_mean(name, COMMANDS)}", "tfslim --help")
    sys.argv = [f"tfslim {name}", *words[1:]]
    importlib.import_module(f"tfslim.cli.{name.replace('-', '_')}").run()


if __name__ == "__main__":
    main()
