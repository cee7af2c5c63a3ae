"""The API's own error envelope, distinguished from responses of intermediaries.

API page, Errors: `{"success": false, "error": {"code": "...", "message": "..."}}`, with optional
`error.details`, `errorId` and `correlationId`. Proxies, load balancers and login pages answer with
the same statuses; their responses say nothing about clients, credentials or writes.
"""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from gateway.api.error_details import LONGEST, iter_details
from gateway.api.lenient_json import loads
from gateway.transport.messages import Response

OK, CREATED = 200, 201
"""The statuses of the API's success envelope (API page, Clients)."""
_OF_VERSION = ("VERSION", "STALE", "OPTIMISTIC", "ETAG")
"""Parts of an error code that identify a version conflict."""

_log = logging.getLogger(__name__)


class APIError(NamedTuple):
    """An error that the API itself reported."""

    code: str
    """The stable, machine-readable code (API page, Errors)."""
    message: str
    """The human-readable message."""
    details: object
    """The error's `details`, of any JSON type."""
    correlation_id: str | None
    """The API's identifier of the error, beside `error` or in it."""


def names_version(code: str, details: object) -> bool:
    """Return True if an error is about the version; no status is documented for a stale one."""
    if any(word in code.upper() for word in _OF_VERSION):
        return True
    if isinstance(details, dict) and any("version" in key.lower() for key in details):
        return True
    return any(field == "version" for field, _ in iter_details(details))


def json_object(content: bytes, content_type: str = "") -> dict[str, Any]:
    """Decode a body as a JSON object, leniently; return an empty dict if it is not an object."""
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError):
        try:
            value = loads(content, content_type)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def api_error(response: Response) -> APIError | None:
    """Return the API's error in a failed response; None if the API did not write the response."""
    body = json_object(response.content)
    error = body.get("error")
    if body.get("success") is not False or not isinstance(error, dict):
        return None
    code, message = error.get("code"), error.get("message")
    if not (isinstance(code, str) and code and isinstance(message, str)):
        return None
    return APIError(code, message, error.get("details"), correlation_id(body))


def succeeded(response: Response) -> bool:
    """Return True if the API itself confirms the request (`success`, status 200 or 201).

    No other status is documented: 202 does not confirm, and a proxy can answer 204.
    """
    if response.status_code not in {OK, CREATED}:
        return False
    return json_object(response.content).get("success") is True


def correlation_id(body: Mapping[str, Any]) -> str | None:
    """Return the API's identifier of the error, beside `error` or in it (API page, Errors)."""
    error = body.get("error")
    for holder in (body, error if isinstance(error, dict) else {}):
        for key in ("correlationId", "errorId"):
            if isinstance(holder.get(key), str):
                return str(holder[key])[:LONGEST]
    return None


def correlation_id_in(content: bytes) -> str | None:
    """Return the API's identifier of the error in the content of a response."""
    return correlation_id(json_object(content))


def log_foreign_response(response: Response) -> None:
    """Log the status and media type of a response that the API did not write."""
    media_type = response.headers.get("content-type", "no media type")
    _log.warning(
        "something other than the API answered, with %d and %.80s", response.status_code, media_type
    )
