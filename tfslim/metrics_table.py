"""An `AttributeTable` on the terminal."""

import rich.box
import rich.console
import rich.table

from tfslim.metrics import COLUMNS, AttributeTable

TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "f1": "F1",
    "positive_rate": "positive",
    "majority": "majority",
}


def print_table(table: AttributeTable, title: str = "", console: rich.console.Console | None = None) -> None:
    """Prints a row for each attribute, all figures in percent, and their means; accuracies below the majority are red.

    Args:
        table: what `attribute_table` made.
        title: a line above it.
        console: where to print; None means standard output.

    Example:
        >>> print_table(attribute_table(labels, logits, names), title="test part")
    """
    view = rich.table.Table(title=title or None, box=rich.box.SIMPLE_HEAD, show_footer=True)
    means = table.means()
    view.add_column("attribute", footer=f"mean of {len(table.names)}", no_wrap=True)
    for column in COLUMNS:
        view.add_column(TITLES[column], footer=f"{means[column]:.2%}", justify="right", no_wrap=True)
    chosen = bool(table.thresholds.any())
    if chosen:
        view.add_column("threshold", justify="right", no_wrap=True)
    for row in table.rows():
        cells = [f"{row[column]:.2%}" for column in COLUMNS]
        if row["accuracy"] < row["majority"]:
            cells[0] = f"[red]{cells[0]}[/red]"
        view.add_row(rich.markup.escape(row["attribute"]), *cells, *([f"{row['threshold']:+.2f}"] if chosen else []))
    console = console or rich.console.Console()
    console.print(view)
    console.print(f"{table.images:,} images", highlight=False)
