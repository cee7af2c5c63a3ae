"""Decode the response to a list call: its rows, and their place according to `meta`."""

from typing import Any, NamedTuple

import msgspec

from gateway.api.decoding import bad_response, parse_envelope
from gateway.api.error_envelope import correlation_id
from gateway.api.records import are_canonical_ids, decode_leniently
from gateway.transport.messages import Response
from schema.source.records import ClientRecord


class Meta(msgspec.Struct, rename="camel"):
    """API page, List all clients: `data.meta`; None for a missing or impossible value."""

    page: int | None = None
    limit: int | None = None
    total: int | None = None
    has_more: bool | None = None
    total_pages: int | None = None


class ListResponse(NamedTuple):
    """The rows of one list call in order; None for a row without an id of its own."""

    records: list[ClientRecord | None]
    meta: Meta


class _Rows(msgspec.Struct):
    clients: list[ClientRecord]
    meta: Meta


class _Envelope(msgspec.Struct):
    data: _Rows
    success: bool = True


_envelope = msgspec.json.Decoder(_Envelope)


def parse_list(response: Response) -> ListResponse:
    """Decode a page's rows and its `meta`. Raises `Unavailable` if there is no list of rows.

    The rows are in `data.clients` or, as in other lists of the API, in `data` itself; `meta` is in
    `data.meta` or, as in the webhook catalogue, at the top level.
    """
    try:
        envelope = _envelope.decode(response.content)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return _tolerant(parse_envelope(response))
    rows, meta = envelope.data.clients, envelope.data.meta
    ids = [row.id for row in rows]
    placed = (meta.page or 0) > 0 and (meta.limit or 0) > 0
    sound = placed and meta.total is not None and meta.total >= 0
    if envelope.success and sound and len(set(ids)) == len(ids) and are_canonical_ids(*ids):
        return ListResponse(list(rows), meta)
    return _tolerant(parse_envelope(response))


def _tolerant(envelope: dict[str, Any]) -> ListResponse:
    data = envelope.get("data")
    holder = data if isinstance(data, dict) else {}
    rows = data if isinstance(data, list) else holder.get("clients")
    if not isinstance(rows, list):
        raise bad_response(correlation_id=correlation_id(envelope))
    records: list[ClientRecord | None] = []
    seen: set[str] = set()
    for row in rows:
        record = decode_leniently(row, complete=False)
        repeated = record is not None and record.id in seen
        records.append(None if repeated else record)
        if record is not None:
            seen.add(record.id)
    return ListResponse(records, _parse_meta(holder.get("meta", envelope.get("meta"))))


def _parse_meta(meta: object) -> Meta:
    if not isinstance(meta, dict):
        return Meta()
    more = meta.get("hasMore")
    return Meta(
        _whole(meta.get("page"), 0),
        _whole(meta.get("limit"), 1),
        _whole(meta.get("total"), 0),
        more if isinstance(more, bool) else None,
        _whole(meta.get("totalPages"), 0),
    )


def _whole(value: object, least: int) -> int | None:
    """Parse a whole number, also one written as text or as 1.0; None if less than `least`."""
    try:
        number = msgspec.convert(value, int, strict=False)
    except msgspec.ValidationError:
        return None
    return number if least <= number < 2**53 and not isinstance(value, bool) else None
