"""Tables and progress on a terminal and in a file."""

import functools
import io

import pytest
import rich.console
import rich.table

from tfslim._support import terminal
from tfslim._support.terminal import print_table, progress_bar


def test_no_figure_is_cut_where_the_screen_is_a_file(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    figures = [f"{number},000,000" for number in range(100, 130)]
    table = rich.table.Table(*(f"column {figure}" for figure in figures), title="wide")
    table.add_row(*figures)
    print_table(table)
    assert [line.split("│")[1:-1] for line in capsys.readouterr().out.splitlines() if "│" in line] == [
        [f" {figure}        " for figure in figures]
    ]


def test_a_narrow_table_is_as_wide_as_it_is(capsys):
    table = rich.table.Table("a")
    table.add_row("b")
    print_table(table)
    assert max(map(len, capsys.readouterr().out.splitlines())) == 5


@pytest.mark.parametrize(("columns", "tables"), [(80, 1), (40, 2), (20, 4)])
def test_lines_never_break_on_a_terminal(monkeypatch, columns, tables):
    file = io.StringIO()
    screen = functools.partial(rich.console.Console, file=file, force_terminal=True, width=columns, color_system=None)
    monkeypatch.setattr(terminal.rich.console, "Console", screen)
    table = rich.table.Table("name", *(rich.table.Column(f"figure {n}", justify="right") for n in range(1, 5)))
    table.add_row("first", "1.5", "2.5", "3.5", "4.5")
    table.add_row("second", "5", "6", "7", "8")
    print_table(table)
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert all(len(line) <= columns for line in lines)
    assert sum("name" in line for line in lines) == tables
    cells = {word for line in lines for word in line.replace("│", " ").split()}
    assert {"first", "second", "1.5", "2.5", "3.5", "4.5", "5", "6", "7", "8"} <= cells


def test_progress_off_a_terminal_is_lines(capsys):
    with progress_bar("photos", every=0.0) as move:
        move(1, 2)
        move(2, 2)
    assert capsys.readouterr() == ("", "photos 1/2, 0:00 left\nphotos 2/2, 0:00 left\n")


def test_what_is_done_soon_has_no_lines(capsys):
    with progress_bar("photos") as move:
        move(1, 1)
    assert capsys.readouterr() == ("", "")
