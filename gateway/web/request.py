"""What a GraphQL request says, read strictly: anything else is refused with a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from gateway.web.protocol.content import BadRequest, require_json
from gateway.web.protocol.strict_json import (
    InvalidJSON,
    JSONLimits,
    count_keys_within,
    loads,
    reject_duplicate_keys,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import Receive

    from gateway.web.protocol.disconnect import OnDisconnect
    from gateway.web.protocol.head import RequestHead

_PREFLIGHTED = (
    b"apollo-require-preflight",
    b"graphql-require-preflight",
    b"x-apollo-operation-name",
    b"x-requested-with",
)
_CREDENTIALS = (b"x-api-key", b"authorization", b"x-gateway-token")
_PARAMETERS = ("query", "documentId", "operationName", "variables", "extensions")


@dataclass(slots=True)
class HTTPRequest:
    """One HTTP request."""

    method: str
    head: RequestHead
    body: bytes | None
    """None where it has not been read."""
    on_disconnect: OnDisconnect | None
    """None where the server cannot tell."""
    receive: Receive | None = None
    query_string: bytes = b""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """GraphQL over HTTP, Request Parameters. One of the first three says which document."""

    query: str | None = field(repr=False)
    sha256: str | None = None
    """Apollo's `extensions.persistedQuery.sha256Hash`; with `query`, the hash of its text."""
    document_id: str | None = None
    variables: dict[str, Any] = field(default_factory=dict, repr=False)
    operation_name: str | None = None
    explain: bool = False
    """Whether the operation is only to be priced: `extensions: {"upstream": {"explain": true}}`."""


def parse_post(body: bytes, content_type: str | None, bounds: JSONLimits) -> GraphQLRequest:
    """The request in a POST's content. Raises `BadRequest`.

    Only application/json is taken: a page of another origin cannot send that without asking
    first (CSRF), and forms are never GraphQL here.
    """
    require_json(content_type)
    try:
        said = loads(body)
    except InvalidJSON as wrong:
        raise BadRequest(400, f"The body {wrong}.") from None
    if isinstance(said, list):
        raise BadRequest(400, "Send one operation per request: batches are not taken.")
    if not isinstance(said, dict):
        raise BadRequest(400, "The body must be a JSON object with a `query`.")
    try:
        names = len(said)
        for name, value in said.items():
            if name != "query":
                names += count_keys_within(value, bounds)
        reject_duplicate_keys(body, names)
    except InvalidJSON as wrong:
        raise BadRequest(400, f"The body {wrong}.") from None
    return _request(said)


def parse_get(
    query_string: bytes,
    headers: Mapping[bytes, Sequence[bytes]],
    bounds: JSONLimits,
    *,
    typed: bool,
) -> GraphQLRequest:
    """The request in a GET's parameters. Raises `BadRequest`.

    It must come with a header that a page of another origin cannot send without asking first:
    a link, an image or a form of such a page is refused (CSRF, as Apollo Server prevents it).
    `typed`: it says that its content is JSON, which such a page cannot say either.
    """
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=2 * len(_PARAMETERS),
        )
    except ValueError:
        raise BadRequest(400, "The URL's parameters cannot be read.") from None
    said: dict[str, Any] = {name: value for name, value in pairs if value}
    if len({name for name, _ in pairs}) != len(pairs):
        raise BadRequest(400, "The URL says a parameter twice.")
    for name in ("variables", "extensions"):
        if name in said:
            said[name] = _parameter(name, said[name].encode(), bounds)
    request = _request(said)
    if not typed and not any(headers.get(name) for name in (*_PREFLIGHTED, *_CREDENTIALS)):
        raise BadRequest(400, _PREFLIGHT)
    return request


_PREFLIGHT = (
    "Send operations with POST. A GET is for persisted operations, and needs the header"
    " Apollo-Require-Preflight: true."
)


def _parameter(name: str, text: bytes, bounds: JSONLimits) -> object:
    try:
        value = loads(text)
        reject_duplicate_keys(text, count_keys_within(value, bounds))
    except InvalidJSON as wrong:
        raise BadRequest(400, f"The parameter `{name}` {wrong}.") from None
    return value


def _request(said: Mapping[str, Any]) -> GraphQLRequest:
    query, document_id, name, variables, extensions = (said.get(key) for key in _PARAMETERS)
    for key, value in (("query", query), ("documentId", document_id), ("operationName", name)):
        if value is not None and not isinstance(value, str):
            raise BadRequest(400, f"`{key}` must be a string.")
    for key, value in (("variables", variables), ("extensions", extensions)):
        if value is not None and not isinstance(value, dict):
            raise BadRequest(400, f"`{key}` must be a JSON object.")
    sha256 = _persisted(extensions) if extensions else None
    if document_id and (query or sha256):
        raise BadRequest(400, "Say which document once: `documentId` or `query`, not both.")
    if not (query or document_id or sha256):
        raise BadRequest(400, "`query` must be the text of a GraphQL document.")
    return GraphQLRequest(
        query or None,
        sha256,
        document_id or None,
        variables or {},
        name or None,
        explain=extensions is not None and _explain(extensions),
    )


def _explain(extensions: Mapping[str, Any]) -> bool:
    said = extensions.get("upstream")
    return isinstance(said, dict) and said.get("explain") is True


def _persisted(extensions: Mapping[str, Any]) -> str | None:
    said = extensions.get("persistedQuery")
    if said is None:
        return None
    version, sha256 = (
        (said.get("version"), said.get("sha256Hash")) if isinstance(said, dict) else (None, None)
    )
    if version != 1 or not isinstance(sha256, str) or not sha256:
        raise BadRequest(400, "`persistedQuery` must have version 1 and a `sha256Hash`.")
    return sha256
