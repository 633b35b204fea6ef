"""Shell completion of the `tfslim` command, written by shtab."""

import importlib
from collections.abc import Sequence

from tfslim.cli.app.commands import COMMANDS
from tfslim.cli.app.program import parser
from tfslim.cli.app.usage import exit_with, missing_extra

SHELLS = ("bash", "zsh", "tcsh")


def print_completion(words: Sequence[str]) -> None:
    """Print the script that completes the command in a shell.

    Args:
        words: the name of the shell.
    """
    if len(words) != 1 or words[0] not in SHELLS:
        exit_with(f"--print-completion: expected one of {', '.join(SHELLS)}, got {' '.join(words)!r}", "tfslim --help")
    try:
        import jsonargparse
        import shtab  # noqa: F401  jsonargparse writes the script with it
    except ModuleNotFoundError as error:
        exit_with(str(missing_extra(error)), "tfslim --help")
    whole = jsonargparse.ArgumentParser(prog="tfslim")
    commands = whole.add_subcommands(required=False)
    for name, line in COMMANDS.items():
        run = importlib.import_module(f"tfslim.cli.{name.replace('-', '_')}").run
        main, description = run.args
        settings = {"positional": {}, "flags": {}, **run.keywords}
        commands.add_subcommand(name, parser(main, description, **settings), help=line)
    print(whole.get_completion_script(f"shtab-{words[0]}"))
