"""Learn the API's sort order of clients (undocumented) from the pages it returns."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from schema.source.records import ClientRecord

ENOUGH = 10
"""Rows in one order that show a sort order."""


class SortOrder:
    """The end of a list where new clients appear; None until seen, and after a contradiction.

    It gives the place of a client that was just created. Every page read later checks it.
    """

    def __init__(self) -> None:
        self.newest: Literal["first", "last"] | None = None
        self._refuted = False

    def observe(self, rows: Sequence[ClientRecord]) -> None:
        """Learn from a page of any list."""
        if self._refuted or len(rows) < 2:  # noqa: PLR2004 - one row is in every order
            return
        seen = _newest([record.created_at for record in rows])
        if seen == "neither":
            self.newest, self._refuted = None, True
        elif self.newest is None:
            self.newest = seen if len(rows) >= ENOUGH else None
        elif seen not in {None, self.newest}:
            self.newest, self._refuted = None, True


def _newest(instants: Sequence[object]) -> Literal["first", "last", "neither"] | None:
    """Return where the latest of these instants are; None if they show no order."""
    texts = [instant for instant in instants if isinstance(instant, str)]
    if len(texts) < len(instants):
        return None
    falls = any(one > other for one, other in pairwise(texts))
    rises = any(one < other for one, other in pairwise(texts))
    if falls and rises:
        return "neither"
    return "first" if falls else "last" if rises else None
