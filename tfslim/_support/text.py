"""Plain-text tables and escaping for matplotlib."""

from collections.abc import Sequence


def text_table(
    rows: Sequence[Sequence[str]],
    align: str,
    head: Sequence[str] | None = None,
    total: Sequence[str] | None = None,
) -> str:
    """Format rows of cells as aligned columns of text.

    Args:
        rows: the cells; all rows have the same length.
        align: "<" (left) or ">" (right) for each column.
        head: column names, underlined by a rule.
        total: a last row below a rule.

    Example:
        >>> print(text_table([["a", "1"], ["bc", "20"]], "<>"))
        a    1
        bc  20
    """
    all_rows = [row for row in (head, *rows, total) if row is not None]
    widths = [max((len(row[column]) for row in all_rows), default=0) for column in range(len(align))]

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
    """Escape text that matplotlib would parse as a formula.

    Characters that can't be encoded become a question mark.

    Example:
        >>> plotted("a$_$.jpg")
        'a\\\\$_\\\\$.jpg'
    """
    # Bytes of a file name that are not UTF-8 are lone surrogates in Python.
    return text.encode("utf-8", "replace").decode("utf-8").replace("$", r"\$")
