"""Tables of results that can be read in a terminal of any width.

    Console().print(fitted("reach", columns, width=80, least=("surprise", "late"), more="--json"))

A cell is never cut or broken: where there is no room for all columns, the least important ones are left out, by name.
"""

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

Columns = Mapping[str, Sequence[str]]  # {head: cells}; a head may have several lines


def fitted(title: str, columns: Columns, width: int, least: Sequence[str], more: str, caption: str = "") -> Table:
    """The table, at most ``width`` characters wide if that can be had without the ``least`` columns, first ones first.

    ``more``: where people find those that are left out.
    """
    left_out: list[str] = []
    for name in (None, *least):
        if name is not None:
            left_out.append(name)
        table = _table({name: cells for name, cells in columns.items() if name not in left_out})
        if Console(width=10 * width).measure(table).maximum <= width:
            break
    words = [caption] if caption else []
    if left_out:
        names = ", ".join(" ".join(name.split()) for name in columns if name in left_out)
        words.append(f"no room for {names}: see {more}")
    table.title, table.caption = title, "; ".join(words)
    return table


def _table(columns: Columns) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for i, name in enumerate(columns):
        table.add_column(name, justify="right" if i else "left", no_wrap=True, vertical="bottom")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return table


def rate_words(row: Mapping, name: str) -> str:
    """A rate and its interval, such as ``98 % [95, 99]``."""
    return f"{100 * row[name]:.0f} % [{100 * row[name + '_low']:.0f}, {100 * row[name + '_high']:.0f}]"
