"""Apply the API's filters locally: decide if a client belongs to a filtered list."""

from collections.abc import Iterable
from typing import Protocol

from gateway.cache.policy.freshness import TypeFilter
from schema.source.records import ClientFilter, ClientRecord, Page

BOTH = "both"


class TypeFilterSemantics:
    """The meaning of `client_type=buyer` in the API (undocumented): configured or learned.

    A client of type `both` in a list of buyers shows that they are included. A complete list of
    buyers without a client of type `both` that is in the caller's complete collection shows that
    they are not. Before one of these was seen, the meaning is unknown.
    """

    def __init__(self, configured: TypeFilter | None = None) -> None:
        self.types = configured
        self._configured = configured is not None

    def observe(self, where: ClientFilter, page: Page, everyone: Iterable[ClientRecord]) -> None:
        """Learn from a page of a list by type; `everyone` is the whole collection, if held."""
        if self._configured or where.client_type in {None, BOTH}:
            return
        if any(record.client_type == BOTH for record in page.records):
            self.types = "includes_both"
            return
        whole = page.offset == 0 and len(page.records) == page.total and not page.more
        if whole and self.types is None and any(_excluded(where, record) for record in everyone):
            self.types = "exact"


def _excluded(where: ClientFilter, record: ClientRecord) -> bool:
    return record.client_type == BOTH and where.status in {None, record.status}


def can_evaluate(where: ClientFilter, types: TypeFilter | None) -> bool:
    """Return True if the meaning of this filter is known."""
    return where.client_type in {None, BOTH} or types is not None


class Filterable(Protocol):
    """What has the fields that lists are filtered by."""

    @property
    def client_type(self) -> object:
        """The client's type."""

    @property
    def status(self) -> object:
        """The client's status."""


def matches(where: ClientFilter, record: Filterable, types: TypeFilter | None) -> bool | None:
    """Return True if the API would list `record` under `where`; None if that is unknown."""
    by_status = where.status is None or _has(where.status, record.status, ())
    by_type: bool | None = True
    if where.client_type is not None:
        also = (BOTH,) if types == "includes_both" else ()
        by_type = _has(where.client_type, record.client_type, also)
        if record.client_type == BOTH and not can_evaluate(where, types):
            by_type = None
    if by_status is False or by_type is False:
        return False
    return None if by_status is None or by_type is None else True


def _has(wanted: str, value: object, also: tuple[str, ...]) -> bool | None:
    if value is not None and not isinstance(value, str):
        return None
    return value == wanted or value in also


def supersets(where: ClientFilter) -> list[ClientFilter]:
    """Return the filters that list every client of `where`, the widest first."""
    found = [ClientFilter(), ClientFilter(status=where.status)]
    found += [ClientFilter(client_type=where.client_type), where]
    return list(dict.fromkeys(found))
