"""How many requests may be asked for a second time: a budget that requests fill and hedges spend."""

from __future__ import annotations

from lambdas.router.route_table import Hedging

_A_HEDGE = 100.0  # percent of a request
_MOST_SAVED = 10 * _A_HEDGE  # hedges in a row after a quiet time


class HedgeBudget:
    """Never more hedges than `budget_percent` of the requests of one use case in this process. Pure."""

    __slots__ = ("_saved",)

    def __init__(self) -> None:
        self._saved = 0.0

    def earn(self, hedging: Hedging) -> None:
        """A request that could be hedged has come."""
        self._saved = min(_MOST_SAVED, self._saved + hedging.budget_percent)

    @property
    def affordable(self) -> bool:
        """Whether a request may be hedged now."""
        return self._saved >= _A_HEDGE

    def spend(self) -> None:
        """A request is hedged."""
        self._saved -= _A_HEDGE
