"""In what order the API lists clients (undocumented): learnt from the pages it answers."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schema.source.records import ClientRecord

ENOUGH = 10
"""Rows in one order that are no accident."""


class SortOrder:
    """Whether new clients are listed first or last; None until seen, and after a page against it.

    It says where a client stands that was just created. Every page read later checks it.
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
    """Where the latest of these instants stand; None where they do not tell."""
    told = [instant for instant in instants if isinstance(instant, str)]
    if len(told) < len(instants):
        return None
    falls = any(one > other for one, other in pairwise(told))
    rises = any(one < other for one, other in pairwise(told))
    if falls and rises:
        return "neither"
    return "first" if falls else "last" if rises else None
