"""What an answer of the API means: a record, a page of rows, or a failure. One table for all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.upstream.records import tolerant
from gateway.upstream.retry_after import stated_wait
from schema.failures import (
    Conflict,
    Failure,
    Forbidden,
    Invalid,
    Issue,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UnavailableCode,
)
from schema.source import ClientRecord, client_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx


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
_LONGEST = 300
_UNSTATED = 60
"""Seconds to wait when a 429 does not say."""
_GRAPH_NAMES = {
    "first_name": "firstName",
    "last_name": "lastName",
    "client_type": "clientType",
    "version": "expectedVersion",
}


def nonsense(what: str = "The API answered something this gateway cannot read.") -> Unavailable:
    """The answer is not one the API page allows; its body is never echoed."""
    return Unavailable(what, code="UPSTREAM_BAD_RESPONSE")


def rows_in(response: httpx.Response) -> tuple[list[ClientRecord], Meta, bool]:
    """A page's rows, where it lies, and whether rows had to be left out for want of an id."""
    try:
        envelope = _rows.decode(response.content)
        if envelope.success and all(client_id(row.id) == row.id for row in envelope.data.clients):
            return envelope.data.clients, envelope.data.meta, False
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    data = _data(response)
    rows = data.get("clients")
    if not isinstance(rows, list):
        raise nonsense()
    try:
        meta = msgspec.convert(data.get("meta"), Meta)
    except msgspec.ValidationError:
        raise nonsense() from None
    records = [record for row in rows if (record := tolerant(row, complete=False)) is not None]
    return records, meta, len(records) < len(rows)


def record_in(response: httpx.Response, *, complete: bool) -> ClientRecord:
    """The one record in a successful answer."""
    record: ClientRecord | None = None
    try:
        envelope = _record.decode(response.content)
        if envelope.success and client_id(envelope.data.id) == envelope.data.id:
            record = envelope.data
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    if record is None:
        record = tolerant(_data(response), complete=complete)
    if record is None:
        raise nonsense()
    return msgspec.structs.replace(record, complete=True) if complete else record


def _data(response: httpx.Response) -> dict[str, Any]:
    said = _said(response.content)
    data = said.get("data")
    if said.get("success") is False or not isinstance(data, dict):
        raise nonsense()
    return data


def _said(content: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def succeeded(response: httpx.Response) -> bool:
    """Whether the API says that it did what was asked."""
    return response.is_success and _said(response.content).get("success", True) is not False


def failure_in(response: httpx.Response, *, expected_version: int | None = None) -> Failure:
    """What an answer that is no success means (API pages: Clients, Errors)."""
    status = response.status_code
    said = _said(response.content)
    error = said.get("error")
    error = error if isinstance(error, dict) else {}
    trace = _trace(said, error)
    if status in {409, 412} or (status == 400 and names_version(error)):  # noqa: PLR2004
        return Conflict(
            "The client changed since you read it. Nothing was written.",
            expected_version=expected_version,
            correlation_id=trace,
        )
    if status in {400, 422}:
        return Invalid(
            "The API refused the input. Nothing was written.",
            issues=_issues(error),
            correlation_id=trace,
        )
    if status == 429:  # noqa: PLR2004
        seconds = math.ceil(stated_wait(response.headers) or _UNSTATED)
        return RateLimited(
            f"The API's request budget is spent; ask again in {seconds} s.", retry_after=seconds
        )
    known = _MEANINGS.get(status)
    if known is not None:
        return known[0](known[1], correlation_id=trace)
    return Unavailable(
        f"The API is not well: it answered {status}.", code=_code(status), correlation_id=trace
    )


_MEANINGS: dict[int, tuple[type[Unauthenticated | Forbidden | NotFound], str]] = {
    401: (Unauthenticated, "The API does not accept this credential."),
    403: (Forbidden, "This credential does not reach clients: its role or scopes forbid it."),
    404: (NotFound, "There is no such client, or none you may see."),
}


def _code(status: int) -> UnavailableCode:
    """A status that says nothing about clients: below 500 it makes no sense here."""
    if status == 504:  # noqa: PLR2004 - Gateway Timeout
        return "UPSTREAM_TIMEOUT"
    return "UPSTREAM_UNAVAILABLE" if status >= 500 else "UPSTREAM_BAD_RESPONSE"  # noqa: PLR2004


def names_version(error: Mapping[str, Any]) -> bool:
    """Whether a 400's `error` is about the version: no status is documented for a stale one."""
    code = str(error.get("code", "")).upper()
    if any(word in code for word in ("VERSION", "CONFLICT", "STALE")):
        return True
    return any(field == "version" for field, _ in _details(error))


def _details(error: Mapping[str, Any]) -> list[tuple[str | None, str]]:
    """Field and message of each problem, whatever shape `details` has (API page, Errors)."""
    details = error.get("details")
    found: list[tuple[str | None, str]] = []
    for each in details if isinstance(details, list) else ():
        if isinstance(each, dict):
            field = next((each[key] for key in ("field", "path", "param") if key in each), None)
            text = next((each[key] for key in ("message", "msg") if key in each), "is not valid")
            found.append((field if isinstance(field, str) else None, str(text)[:_LONGEST]))
        elif isinstance(each, str):
            found.append((None, each[:_LONGEST]))
    return found


def _issues(error: dict[str, Any]) -> list[Issue]:
    return [
        Issue(None if field is None else _GRAPH_NAMES.get(field, field), "REFUSED_BY_API", text)
        for field, text in _details(error)
    ]


def _trace(said: dict[str, Any], error: dict[str, Any]) -> str | None:
    for holder in (said, error):
        for key in ("correlationId", "errorId"):
            if isinstance(holder.get(key), str):
                return str(holder[key])[:_LONGEST]
    return None
