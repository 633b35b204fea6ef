"""Tables where the screen is a file."""

import rich.table

from tfslim._support.terminal import print_table


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
