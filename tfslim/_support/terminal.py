"""A progress bar on stderr, so that tables on stdout can be piped; none where stderr is not a terminal."""

import contextlib
from collections.abc import Callable, Iterator

import rich.console
import rich.measure
import rich.progress
import rich.table


@contextlib.contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Shows a bar while the block runs and gives what moves it: a function of the steps done and their total.

    Example:
        >>> with progress_bar("photos") as move:
        ...     for number, photo in enumerate(photos, start=1):
        ...         move(number, len(photos))
    """
    console = rich.console.Console(stderr=True)
    columns = (*rich.progress.Progress.get_default_columns(), rich.progress.MofNCompleteColumn())
    with rich.progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


UNBOUNDED = 10_000  # columns


def print_table(table: rich.table.Table) -> None:
    """Prints a table: as wide as the terminal allows, and into a file or a pipe so wide that no figure is cut."""
    console = rich.console.Console()
    if not console.is_terminal:
        options = console.options.update(max_width=UNBOUNDED)
        console.width = max(console.width, rich.measure.Measurement.get(console, options, table).maximum)
    console.print(table)
