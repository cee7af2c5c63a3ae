"""What a success of the API carries: a record. Lists are in `listings`."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from gateway.upstream.api_error import correlation_id, json_object, log_other
from gateway.upstream.outcome import TooLarge
from gateway.upstream.records import canonical, tolerant
from schema.failures import Unavailable
from schema.source import ClientRecord  # noqa: TC001 - msgspec resolves it at run time


class RecordEnvelope(msgspec.Struct):
    """API page: the standard success envelope around one record."""

    data: ClientRecord
    success: bool = True


_record = msgspec.json.Decoder(RecordEnvelope)


def nonsense(
    what: str = "The API answered something this gateway cannot read.",
    *,
    correlation_id: str | None = None,
) -> Unavailable:
    """The answer is not one the API page allows; its body is never echoed."""
    return Unavailable(what, code="UPSTREAM_BAD_RESPONSE", correlation_id=correlation_id)


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


def envelope_in(response: httpx.Response) -> dict[str, Any]:
    """The envelope of an answer, read as leniently as its bytes need. Raises `Unavailable`."""
    body = json_object(response.content, response.headers.get("content-type", ""))
    if body.get("success") is False or "data" not in body:
        if not body:
            log_other(response)
        raise nonsense(correlation_id=correlation_id(body))
    return body


def _data(response: httpx.Response) -> dict[str, Any]:
    body = envelope_in(response)
    data = body["data"]
    if not isinstance(data, dict):
        raise nonsense(correlation_id=correlation_id(body))
    return data


def trouble(error: httpx.TransportError) -> Unavailable:
    """What an answer that never came whole means."""
    if isinstance(error, httpx.TimeoutException):
        return Unavailable("The API did not answer in time.", code="UPSTREAM_TIMEOUT")
    if isinstance(error, httpx.ProtocolError | TooLarge):
        return nonsense()
    return Unavailable("The API cannot be reached.")
