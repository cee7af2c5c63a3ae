"""What a success of the API carries: a record, or a page of rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import httpx
import msgspec

from gateway.upstream.api_error import correlation_id, json_object, log_other
from gateway.upstream.outcome import TooLarge
from gateway.upstream.records import canonical, tolerant
from schema.failures import Unavailable
from schema.source import ClientRecord  # noqa: TC001 - msgspec resolves it at run time


class Meta(msgspec.Struct):
    """API page, List all clients: `data.meta`."""

    page: int
    limit: int
    total: int


class Rows(msgspec.Struct):
    """API page, List all clients: `data`."""

    clients: list[ClientRecord]
    meta: Meta


class RowsEnvelope(msgspec.Struct):
    """API page: the standard success envelope around a page of rows."""

    data: Rows
    success: bool = True


class RecordEnvelope(msgspec.Struct):
    """API page: the standard success envelope around one record."""

    data: ClientRecord
    success: bool = True


_rows = msgspec.json.Decoder(RowsEnvelope)
_record = msgspec.json.Decoder(RecordEnvelope)


class Listing(NamedTuple):
    """What one list call told; `left_out` when rows had to be, for want of a client's id."""

    records: list[ClientRecord]
    meta: Meta
    left_out: bool


def nonsense(
    what: str = "The API answered something this gateway cannot read.",
    *,
    correlation_id: str | None = None,
) -> Unavailable:
    """The answer is not one the API page allows; its body is never echoed."""
    return Unavailable(what, code="UPSTREAM_BAD_RESPONSE", correlation_id=correlation_id)


def rows_in(response: httpx.Response) -> Listing:
    """A page's rows, and where it lies."""
    try:
        envelope = _rows.decode(response.content)
        if envelope.success and canonical(*[row.id for row in envelope.data.clients]):
            return Listing(envelope.data.clients, _placed(envelope.data.meta), left_out=False)
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    data = _data(response)
    rows = data.get("clients")
    if not isinstance(rows, list):
        raise nonsense()
    try:
        meta = msgspec.convert(data.get("meta"), Meta, strict=False)
    except msgspec.ValidationError:
        raise nonsense() from None
    records = [record for row in rows if (record := tolerant(row, complete=False)) is not None]
    return Listing(records, _placed(meta), left_out=len(records) < len(rows))


def _placed(meta: Meta) -> Meta:
    if meta.total < 0 or meta.page < 1 or meta.limit < 1:
        raise nonsense()
    return meta


def record_in(response: httpx.Response, *, complete: bool) -> ClientRecord:
    """The one record in a successful answer."""
    record: ClientRecord | None = None
    try:
        envelope = _record.decode(response.content)
        if envelope.success and canonical(envelope.data.id):
            record = envelope.data
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    if record is None:
        record = tolerant(_data(response), complete=complete)
    if record is None:
        raise nonsense()
    if complete:
        msgspec.structs.force_setattr(record, "complete", True)  # noqa: FBT003 - nobody has it yet
    return record


def _data(response: httpx.Response) -> dict[str, Any]:
    body = json_object(response.content)
    data = body.get("data")
    if body.get("success") is False or not isinstance(data, dict):
        if not body:
            log_other(response)
        raise nonsense(correlation_id=correlation_id(body))
    return data


def trouble(error: httpx.TransportError) -> Unavailable:
    """What an answer that never came whole means."""
    if isinstance(error, httpx.TimeoutException):
        return Unavailable("The API did not answer in time.", code="UPSTREAM_TIMEOUT")
    if isinstance(error, httpx.ProtocolError | TooLarge):
        return nonsense()
    return Unavailable("The API cannot be reached.")
