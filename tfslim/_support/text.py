"""Columns of text that line up, without anything but text."""

from collections.abc import Sequence


def text_table(
    rows: Sequence[Sequence[str]],
    align: str,
    head: Sequence[str] | None = None,
    total: Sequence[str] | None = None,
) -> str:
    """Lays out rows of cells as lines of text, with a rule under `head` and over `total`.

    Args:
        rows: the cells, all rows of the same length.
        align: "<" (left) or ">" (right) for each column.
        head: the columns' names.
        total: a last row.

    Example:
        >>> print(text_table([["a", "1"], ["bc", "20"]], "<>"))
        a    1
        bc  20
    """
    every = [row for row in (head, *rows, total) if row is not None]
    widths = [max((len(row[column]) for row in every), default=0) for column in range(len(align))]

    def line(row: Sequence[str]) -> str:
        cells = (f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True))
        return "  ".join(cells).rstrip()

    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    lines = [line(row) for row in rows]
    if head is not None:
        lines = [line(head), rule, *lines]
    if total is not None:
        lines = [*lines, rule, line(total)]
    return "\n".join(lines)


def plotted(text: str) -> str:
    """Text that matplotlib does not take for a formula, with a question mark for what no font can have.

    Example:
        >>> plotted("a$_$.jpg")
        'a\\\\$_\\\\$.jpg'
    """
    # Bytes of a file name that are no UTF-8 stand as half a character in Python.
    return text.encode("utf-8", "replace").decode("utf-8").replace("$", r"\$")
