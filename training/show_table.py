"""Tables on the screen, and whole where the screen is a file."""

import rich.console
import rich.measure
import rich.table

UNBOUNDED = 10_000  # columns


def print_table(table: rich.table.Table) -> None:
    """Prints a table: as wide as the terminal allows, and into a file or a pipe so wide that no figure is cut."""
    console = rich.console.Console()
    if not console.is_terminal:
        options = console.options.update(max_width=UNBOUNDED)
        console.width = max(console.width, rich.measure.Measurement.get(console, options, table).maximum)
    console.print(table)
