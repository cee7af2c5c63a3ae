"""Strict parsing of GraphQL requests: a request that is not valid is refused with a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qsl

from gateway.web.protocol.content import BadRequest, require_json
from gateway.web.protocol.disconnect import OnDisconnect
from gateway.web.protocol.event_stream import EventStream
from gateway.web.protocol.head import RequestHead
from gateway.web.protocol.http_response import HTTPResponse
from gateway.web.protocol.strict_json import (
    InvalidJSON,
    JSONLimits,
    count_keys_within,
    loads,
    reject_duplicate_keys,
)
from schema.execution.plan import ExecutionPlan
from schema.source.request_context import RequestContext

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
    """None if the method is not POST."""
    on_disconnect: OnDisconnect | None
    """None if the server does not report disconnects."""
    query_string: bytes = b""
    question: "tuple[ExecutionPlan, GraphQLRequest] | None" = None
    """The planned operation, once the handler has prepared it."""
    operation: RequestContext | None = None
    """The context of its execution."""
    errors: Sequence[Mapping[str, Any]] = ()
    """The errors of the response."""


class RequestHandler(Protocol):
    """Answers GraphQL requests."""

    def cached(self, head: RequestHead, body: bytes) -> HTTPResponse | None:
        """Return the stored response to a POST; None if it must be executed."""

    async def reply(self, asking: HTTPRequest) -> HTTPResponse | EventStream:
        """Return the response."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """The request parameters (GraphQL over HTTP); one of the first three names the document."""

    query: str | None = field(repr=False)
    sha256: str | None = None
    """Apollo's `extensions.persistedQuery.sha256Hash`; with `query`, the hash of its text."""
    document_id: str | None = None
    variables: dict[str, Any] = field(default_factory=dict, repr=False)
    operation_name: str | None = None
    explain: bool = False
    """True to return only the cost: `extensions: {"upstream": {"explain": true}}`."""


def parse_post(body: bytes, content_type: str | None, bounds: JSONLimits) -> GraphQLRequest:
    """Parse the content of a POST. Raises `BadRequest`.

    Only application/json is accepted: a page of another origin cannot send it without a preflight
    request (CSRF protection). Forms are not supported.
    """
    require_json(content_type)
    try:
        payload = loads(body)
    except InvalidJSON as wrong:
        raise BadRequest(400, f"The body {wrong}.") from None
    if isinstance(payload, list):
        raise BadRequest(400, "Send one operation per request: batches are not taken.")
    if not isinstance(payload, dict):
        raise BadRequest(400, "The body must be a JSON object with a `query`.")
    try:
        names = len(payload)
        for name, value in payload.items():
            if name != "query":
                names += count_keys_within(value, bounds)
        reject_duplicate_keys(body, names)
    except InvalidJSON as wrong:
        raise BadRequest(400, f"The body {wrong}.") from None
    return _request(payload)


def parse_get(
    query_string: bytes,
    headers: Mapping[bytes, Sequence[bytes]],
    bounds: JSONLimits,
    *,
    typed: bool,
) -> GraphQLRequest:
    """Parse the URL parameters of a GET. Raises `BadRequest`.

    The request must have a header that a page of another origin cannot send without a preflight
    request, so a link, an image or a form of such a page is refused (CSRF protection, as in Apollo
    Server). `typed` is true if Content-Type is JSON, which also requires a preflight.
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
    parameters: dict[str, Any] = {name: value for name, value in pairs if value}
    if len({name for name, _ in pairs}) != len(pairs):
        raise BadRequest(400, "The URL says a parameter twice.")
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _parameter(name, parameters[name].encode(), bounds)
    request = _request(parameters)
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


def _request(parameters: Mapping[str, Any]) -> GraphQLRequest:
    query, document_id, name, variables, extensions = (parameters.get(key) for key in _PARAMETERS)
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
    upstream = extensions.get("upstream") if extensions else None
    return GraphQLRequest(
        query or None,
        sha256,
        document_id or None,
        variables or {},
        name or None,
        explain=isinstance(upstream, dict) and upstream.get("explain") is True,
    )


def _persisted(extensions: Mapping[str, Any]) -> str | None:
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    version, sha256 = (
        (persisted.get("version"), persisted.get("sha256Hash"))
        if isinstance(persisted, dict)
        else (None, None)
    )
    if version != 1 or not isinstance(sha256, str) or not sha256:
        raise BadRequest(400, "`persistedQuery` must have version 1 and a `sha256Hash`.")
    return sha256
