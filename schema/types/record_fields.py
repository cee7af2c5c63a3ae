"""Fields of the graph that are read from a record, or computed from their parent object."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import strawberry
from msgspec import UNSET
from strawberry.types import Info

from schema.context import Context
from schema.loaders import ClientKey
from schema.source.errors import Unavailable
from schema.source.records import ClientId, ClientRecord, Fields
from schema.source.request_context import Priority

ContextInfo = Info[Context, None]


def malformed(field: str) -> Unavailable:
    """Return the failure of a malformed field of the API's response."""
    return Unavailable(
        f"The API answered `{field}` in a shape that its documentation does not allow.",
        code="UPSTREAM_BAD_RESPONSE",
    )


def _value(record: ClientRecord, field: str) -> Any:
    """Return the record's value, None if it has none. Raises `Unavailable` if it is malformed."""
    value = getattr(record, field)
    if value is not UNSET:
        return value
    if field in record.malformed:
        raise malformed(field)
    return None


def record_field(
    *fields: str,
    description: str,
    read: Callable[..., Any] | None = None,
    directives: Sequence[object] = (),
) -> Any:
    """Return a field of the client that shows `fields` of its record, through `read` if given.

    If a selected field is missing from the record, the loader reads this client in detail first.
    """
    reads = frozenset(fields)
    show = _reader(fields, read)

    async def complete(record: ClientRecord, info: ContextInfo) -> Any:
        clients = info.context.loaders.clients(Priority.INTERACTIVE)
        return show(await clients.load(ClientKey(ClientId(record.id), reads)))

    def resolve(root: Any, info: Info) -> Any | Awaitable[Any]:
        record = root.record
        return complete(record, info) if record.is_missing(reads) else show(record)

    definition = RecordField(reads, show, fields, read)
    return strawberry.field(
        resolver=resolve,
        description=description,
        metadata={RecordField: definition},
        directives=directives,
    )


class RecordField(NamedTuple):
    """How a field of the client is read from its record: for resolvers and compiled operations."""

    reads: Fields
    show: Callable[[ClientRecord], Any]
    """Returns the field's value. Raises `Unavailable` for a malformed one."""
    fields: tuple[str, ...]
    read: Callable[..., Any] | None
    """Converts the values if all are there; None returns the only value unchanged."""


def _reader(
    fields: tuple[str, ...], read: Callable[..., Any] | None
) -> Callable[[ClientRecord], Any]:
    def show(record: ClientRecord) -> Any:
        values = [_value(record, field) for field in fields]
        if read is None:
            return values[0]
        if all(value is None for value in values):
            return None
        try:
            return read(*values)
        except ValueError:
            raise malformed(fields[0]) from None

    return show


COMPUTED = "computed"
"""Metadata of a field: the function that computes its value from its parent object."""


def computed(make: Callable[[Any], Any], description: str) -> Any:
    """Return a field whose value is computed from its parent; a failure is this field's alone."""

    def resolve(root: Any) -> Any:
        return make(root)

    return strawberry.field(resolver=resolve, description=description, metadata={COMPUTED: make})
