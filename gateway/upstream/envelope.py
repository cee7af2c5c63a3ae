"""What an answer of the API means: a record, a page of rows, or a failure. One table for all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import msgspec

from gateway.upstream.issues import LONGEST, issues_in, problems_in
from gateway.upstream.outcome import TooLarge
from gateway.upstream.records import canonical, tolerant
from gateway.upstream.retry_after import stated_wait
from schema.failures import (
    Conflict,
    Failure,
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UnavailableCode,
)
from schema.source import ClientRecord  # noqa: TC001 - msgspec resolves it at run time

if TYPE_CHECKING:
    from collections.abc import Mapping


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
_UNSTATED = 60
"""Seconds to wait when a 429 does not say."""


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
    said = _said(response.content)
    data = said.get("data")
    if said.get("success") is False or not isinstance(data, dict):
        raise nonsense(correlation_id=_trace(said))
    return data


def _said(content: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def succeeded(response: httpx.Response) -> bool:
    """Whether the API itself says that it did what was asked (or 204: that and no more)."""
    if response.status_code == 204:  # noqa: PLR2004 - No Content
        return True
    said = _said(response.content)
    return response.is_success and said.get("success", isinstance(said.get("data"), dict)) is True


def failure_in(
    response: httpx.Response, *, expected_version: int | None = None, of_one: bool = True
) -> Failure:
    """What an answer that is no success means (API pages: Clients, Errors).

    `expected_version` is the one sent along; `of_one` whether the call named a client, which
    alone can be missing or have changed.
    """
    status = response.status_code
    said = _said(response.content)
    error = said.get("error")
    error = error if isinstance(error, dict) else {}
    trace = _trace(said)
    versioned = status == 400 and expected_version is not None  # noqa: PLR2004
    if of_one and (status in {409, 412} or (versioned and names_version(error))):
        return Conflict(
            "The client changed since you read it. Nothing was written.",
            expected_version=expected_version,
            correlation_id=trace,
        )
    if status in {400, 409, 412, 422}:
        return Invalid(
            "The API refused the input. Nothing was written.",
            issues=issues_in(error),
            correlation_id=trace,
        )
    if status == 429:  # noqa: PLR2004
        seconds = math.ceil(stated_wait(response.headers) or _UNSTATED)
        return RateLimited(
            f"The API's request budget is spent; ask again in {seconds} s.", retry_after=seconds
        )
    if status == 404 and not of_one:  # noqa: PLR2004
        return nonsense("The API has no clients at this address.", correlation_id=trace)
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
    details = error.get("details")
    if isinstance(details, dict) and any("version" in key.lower() for key in details):
        return True
    return any(field == "version" for field, _ in problems_in(details))


def trouble(error: httpx.TransportError) -> Unavailable:
    """What an answer that never came whole means."""
    if isinstance(error, httpx.TimeoutException):
        return Unavailable("The API did not answer in time.", code="UPSTREAM_TIMEOUT")
    if isinstance(error, httpx.ProtocolError | TooLarge):
        return nonsense()
    return Unavailable("The API cannot be reached.")


def _trace(said: Mapping[str, Any]) -> str | None:
    """The API's own name for what went wrong, beside `error` or in it (API page, Errors)."""
    error = said.get("error")
    for holder in (said, error if isinstance(error, dict) else {}):
        for key in ("correlationId", "errorId"):
            if isinstance(holder.get(key), str):
                return str(holder[key])[:LONGEST]
    return None
