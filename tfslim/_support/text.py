"""Text for people: aligned columns, counts, times and progress lines."""

import time
from collections.abc import Callable, Sequence


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


def pluralize(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun in the right number.

    Example:
        >>> pluralize(1, "epoch"), pluralize(2400, "epoch")
        ('1 epoch', '2,400 epochs')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def clock(seconds: float) -> str:
    """Return a time as hours, minutes and seconds.

    Example:
        >>> clock(40), clock(3725)
        ('0:40', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class ProgressLines:
    """Lines of progress, written from time to time.

    Args:
        title: what is counted.
        every: seconds between two lines; what ends sooner writes none.
        write: takes a line.
        now: returns the time in seconds.

    Example:
        >>> times = iter([0.0, 20.0, 40.0])
        >>> lines = ProgressLines("photos", 30, print, lambda: next(times))
        >>> lines.move(160, 1000)
        >>> lines.move(320, 1000)
        photos 320/1000, 1:25 left
    """

    def __init__(
        self, title: str, every: float, write: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ):
        self._title, self._every, self._write, self._now = title, every, write, now
        self._began = self._last = now()

    def move(self, done: int, total: int | None) -> None:
        """Count `done` of `total` steps."""
        moment = self._now()
        if moment - self._last < self._every:
            return
        self._last = moment
        left = f", {clock((moment - self._began) * (total - done) / done)} left" if total and done else ""
        self._write(f"{self._title} {done}{f'/{total}' if total else ''}{left}")
