"""What a GraphQL request says, read strictly: anything else is refused with a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson


class BadRequest(Exception):
    """The HTTP request is not a GraphQL request; `status` is the HTTP status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """GraphQL over HTTP, Request Parameters."""

    query: str
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None


def request_in(body: bytes, content_type: str | None) -> GraphQLRequest:
    """The request in a POST's body. Raises `BadRequest`.

    Only application/json is taken: a page of another origin cannot send that without asking
    first (CSRF), and forms are never GraphQL here.
    """
    media_type, _, parameters = (content_type or "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise BadRequest(415, "Send the request as JSON, with Content-Type: application/json.")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if charset not in {"", "utf-8", "utf8"}:
        raise BadRequest(415, "Send the request as JSON in UTF-8.")
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest(400, "The body is not JSON.") from None
    return _request(said)


def _request(said: object) -> GraphQLRequest:
    if isinstance(said, list):
        raise BadRequest(400, "Send one operation per request: batches are not taken.")
    if not isinstance(said, dict):
        raise BadRequest(400, "The body must be a JSON object with a `query`.")
    query = said.get("query")
    if not isinstance(query, str) or not query:
        raise BadRequest(400, "`query` must be the text of a GraphQL document.")
    variables, name, extensions = (
        said.get(key) for key in ("variables", "operationName", "extensions")
    )
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest(400, "`variables` must be a JSON object.")
    if name is not None and not isinstance(name, str):
        raise BadRequest(400, "`operationName` must be a string.")
    if extensions is not None and not isinstance(extensions, dict):
        raise BadRequest(400, "`extensions` must be a JSON object.")
    return GraphQLRequest(query, variables or {}, name or None)
