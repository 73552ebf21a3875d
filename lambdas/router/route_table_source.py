"""Where the router's table comes from: the bundle, and what else keeps the last good one."""

from __future__ import annotations

from pathlib import Path

from lambdas.router.route_table import RouteTable, RouteTableError
from lambdas.router.route_table_reader import load_route_table


def read_bundled(path: Path) -> RouteTable:
    """The table that was deployed beside the code. Raises `RouteTableError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RouteTableError((f"{path} cannot be read: {type(error).__name__}",)) from error
    return load_route_table(text)


class LastGood:
    """A `RouteTableSource` whose table can be replaced while requests run; an invalid one replaces nothing.

    A request keeps the table that it began with. Replacing is for one task at a time.
    """

    def __init__(self, table: RouteTable) -> None:
        self._table = table

    def current(self) -> RouteTable:
        """The last good table."""
        return self._table

    def known(self) -> RouteTable:
        """The same."""
        return self._table

    def offer(self, text: str | bytes) -> RouteTable:
        """Take the table in `text`. Raises `RouteTableError` and keeps the last good one when it cannot serve here."""
        table = load_route_table(text)
        if table.environment != self._table.environment:
            told = f"$.environment: got {table.environment!r}, this router serves {self._table.environment!r}"
            raise RouteTableError((told,))
        self._table = table
        return table
