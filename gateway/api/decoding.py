"""Decode the record in a successful response. Lists are decoded in `gateway.api.lists`."""

from typing import Any

import msgspec

from gateway.api.error_envelope import correlation_id, json_object, log_foreign_response
from gateway.api.records import are_canonical_ids, decode_leniently
from gateway.transport.errors import (
    TIMEOUTS,
    RemoteProtocolError,
    ResponseTooLarge,
    TransportError,
)
from gateway.transport.messages import Response
from schema.source.errors import Unavailable
from schema.source.records import ClientRecord


class RecordEnvelope(msgspec.Struct):
    """API page: the standard success envelope around one record."""

    data: ClientRecord
    success: bool = True


_record = msgspec.json.Decoder(RecordEnvelope)


def bad_response(
    what: str = "The API answered something this gateway cannot read.",
    *,
    correlation_id: str | None = None,
) -> Unavailable:
    """Build the error for a response that the API page does not allow; it never quotes the body."""
    return Unavailable(what, code="UPSTREAM_BAD_RESPONSE", correlation_id=correlation_id)


def parse_record(response: Response, *, complete: bool) -> ClientRecord:
    """Decode the record in a successful response. Raises `Unavailable`."""
    record: ClientRecord | None = None
    try:
        envelope = _record.decode(response.content)
        if envelope.success and are_canonical_ids(envelope.data.id):
            record = envelope.data
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    if record is None:
        record = decode_leniently(_data(response), complete=complete)
    if record is None:
        raise bad_response()
    if complete:
        msgspec.structs.force_setattr(record, "complete", True)  # noqa: FBT003 - it is not shared yet
    return record


def parse_envelope(response: Response) -> dict[str, Any]:
    """Decode the envelope of a response, leniently if it must. Raises `Unavailable`."""
    body = json_object(response.content, response.headers.get("content-type", ""))
    if body.get("success") is False or "data" not in body:
        if not body:
            log_foreign_response(response)
        raise bad_response(correlation_id=correlation_id(body))
    return body


def _data(response: Response) -> dict[str, Any]:
    body = parse_envelope(response)
    data = body["data"]
    if not isinstance(data, dict):
        raise bad_response(correlation_id=correlation_id(body))
    return data


def transport_failure(error: TransportError) -> Unavailable:
    """Map a transport error (no complete response) to the error that the client gets."""
    if isinstance(error, TIMEOUTS):
        return Unavailable("The API did not answer in time.", code="UPSTREAM_TIMEOUT")
    if isinstance(error, RemoteProtocolError | ResponseTooLarge):
        return bad_response()
    return Unavailable("The API cannot be reached.")
