"""Progress and tables for a terminal or a pipe.

Progress goes to stderr, so that tables on stdout can be piped.
"""

import contextlib
import copy
import sys
from collections.abc import Callable, Iterator

import rich.box
import rich.console
import rich.measure
import rich.progress
import rich.table

from tfslim._support.text import ProgressLines


@contextlib.contextmanager
def progress_bar(title: str, every: float = 30.0) -> Iterator[Callable[[int, int], None]]:
    """Show a bar, or lines off a terminal, while running.

    The lines are written if stderr is not a terminal.

    Args:
        title: what is counted.
        every: seconds between two lines off a terminal, such as "photos 320/1000, 0:40 left".

    Returns:
        A context manager; its value is a function of the steps done and their total.

    Example:
        >>> with progress_bar("photos") as move:
        ...     for number, photo in enumerate(photos, start=1):
        ...         move(number, len(photos))
    """
    console = rich.console.Console(stderr=True)
    if not console.is_terminal:
        yield ProgressLines(title, every, lambda line: print(line, file=sys.stderr, flush=True)).move
        return
    columns = (*rich.progress.Progress.get_default_columns(), rich.progress.MofNCompleteColumn())
    with rich.progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


UNBOUNDED = 10_000  # columns


def print_table(table: rich.table.Table) -> None:
    """Print a table whose lines never break.

    In a file or a pipe it is as wide as it needs to be. On a terminal that is too narrow the rules between columns go,
    and if that is not enough, the columns follow one another in several tables with the first column in each.
    """
    console = rich.console.Console()
    if not console.is_terminal:
        console.width = max(console.width, _width(console, table))
        console.print(table)
        return
    if _width(console, table) > console.width:
        table.box, table.padding, table.show_edge = rich.box.SIMPLE_HEAD, (0, 1, 0, 0), False
    for part in _parts(console, table):
        console.print(part)


def _width(console: rich.console.Console, table: rich.table.Table) -> int:
    options = console.options.update(max_width=UNBOUNDED)
    return rich.measure.Measurement.get(console, options, table).maximum


def _parts(console: rich.console.Console, table: rich.table.Table) -> Iterator[rich.table.Table]:
    """Yield a table in parts that fit the width.

    Each part has the first column and as many others as fit.
    """
    first, *others = table.columns
    while others:
        part, taken = copy.copy(table), len(others)
        part.columns = [first, *others]
        while taken > 1 and _width(console, part) > console.width:
            taken -= 1
            part.columns = [first, *others[:taken]]
        yield part
        others = others[taken:]
        table.title = None
    if len(table.columns) == 1:
        yield table
