"""The fields that list rows have (documented by an example alone): learned from the rows read."""

from collections.abc import Sequence

from gateway.cache.packed import present_fields
from schema.source.records import ClientRecord, Fields

DOCUMENTED: Fields = frozenset(
    ("id", "first_name", "last_name", "email", "phone", "client_type", "status", "source")
) | {"budget_min", "budget_max"}
"""The fields of a list row on the API page; corrected by the first page read."""
ENOUGH = 10
"""Rows without a field that show that list rows lack it."""


class RowFields:
    """The fields of the rows that were read for any caller."""

    def __init__(self) -> None:
        self.known: Fields = DOCUMENTED
        """Fields that the rows of the latest page had."""
        self._listed: Fields | None = None

    def observe(self, rows: Sequence[ClientRecord]) -> None:
        """Learn from the rows of a page."""
        self.known = frozenset().union(*set(map(present_fields, rows)))
        before = None if len(rows) >= ENOUGH else self._listed
        self._listed = DOCUMENTED | self.known | (before or frozenset())

    def lack(self, fields: Fields) -> bool:
        """Return True if the rows of the latest page lacked any of `fields`."""
        return self._listed is not None and not fields <= self.known

    def unlisted(self, fields: Fields) -> Fields:
        """Return those of `fields` that rows were seen to lack.

        A row may omit a field because it is null, so a few rows without it show nothing.
        """
        return frozenset() if self._listed is None else fields - self._listed
