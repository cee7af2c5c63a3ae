"""How a field of the graph is read from a record, or computed from the object that it is on."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import strawberry
from msgspec import UNSET
from strawberry.types import Info

from schema.context import Context
from schema.loaders import ClientKey
from schema.source.errors import Unavailable
from schema.source.records import ClientId, ClientRecord, Fields

ContextInfo = Info[Context, None]


def malformed(field: str) -> Unavailable:
    """The failure of a field of the API's answer."""
    return Unavailable(
        f"The API answered `{field}` in a shape that its documentation does not allow.",
        code="UPSTREAM_BAD_RESPONSE",
    )


def _value(record: ClientRecord, field: str) -> Any:
    """What the record says, None where it cannot say. Raises for what arrived malformed."""
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
    """A field of the client that shows `fields` of its record, through `read` if given.

    Where the record lacks one of them, this one client is read in detail first, through the
    loader; only then, and only because the field was selected.
    """
    reads = frozenset(fields)
    show = _reader(fields, read)

    async def complete(record: ClientRecord, info: ContextInfo) -> Any:
        clients = info.context.loaders.clients
        return show(await clients.load(ClientKey(ClientId(record.id), reads)))

    def resolve(root: Any, info: Info) -> Any | Awaitable[Any]:
        record = root.record
        return complete(record, info) if record.is_missing(reads) else show(record)

    told = RecordField(reads, show, fields, read)
    return strawberry.field(
        resolver=resolve,
        description=description,
        metadata={RecordField: told},
        directives=directives,
    )


class RecordField(NamedTuple):
    """How a field of the client comes out of its record: for resolvers and compiled operations."""

    reads: Fields
    show: Callable[[ClientRecord], Any]
    """The field's value. Raises a `Failure` for what arrived malformed."""
    fields: tuple[str, ...]
    read: Callable[..., Any] | None
    """What `show` makes of values that are all there; None shows the only one as it is."""


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


class ComputedField(NamedTuple):
    """How a field's value is made of the object it is on, where it is asked for."""

    make: Callable[[Any], Any]


def computed(make: Callable[[Any], Any], description: str) -> Any:
    """A field whose value is made of the object it is on; what fails is this field alone."""

    def resolve(root: Any) -> Any:
        return make(root)

    return strawberry.field(
        resolver=resolve, description=description, metadata={ComputedField: ComputedField(make)}
    )
