"""The sandbox: the documented Clients API over records in memory, as an ASGI application."""

import asyncio
import functools
import math
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from gateway.sandbox.catalogue import UnknownFault, named
from gateway.sandbox.clients import LISTED, Behaviour, Clients, ordered
from gateway.sandbox.faults import (
    ConnectionDropped,
    Fault,
    SandboxError,
    SandboxRequest,
    SandboxResponse,
    select_faults,
)
from gateway.sandbox.users import USERS, DemoUser, format_time, verify_token
from gateway.sandbox.webhooks import EVENTS, DeliveryFault, Webhooks

__all__ = ["LISTED", "Behaviour", "Sandbox"]

CONTROL = "/_sandbox/"


class Sandbox:
    """An ASGI application that stands in for the API and records each call.

    `clock` times the rate limit's window and lagging reads, in seconds; `now` stamps records.
    """

    def __init__(  # noqa: PLR0913 - keyword arguments
        self,
        users: Sequence[DemoUser] = USERS,
        *,
        clock: Callable[[], float] = lambda: asyncio.get_running_loop().time(),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        limit: int = 500,
        window_seconds: int = 900,
        behaviour: Behaviour | None = None,
        webhooks: Webhooks | None = None,
    ) -> None:
        self.calls: list[str] = []
        self.faults: list[Fault] = []
        self.behaviour = behaviour or Behaviour()
        self.webhooks = webhooks
        self._clock, self._now = clock, now
        self._limit, self._seconds = limit, window_seconds
        self._windows: dict[str, tuple[float, int]] = {}  # the end of each, and its calls
        self._by_key = {user.api_key: user for user in users}
        self._by_id = {user.id: user for user in users}
        self._clients = functools.cache(Clients)  # generated when first called for

    @property
    def remaining(self) -> int:
        """Calls left in the window of the address that has made the most calls."""
        return self._limit - max((spent for _, spent in self._windows.values()), default=0)

    def fail(self, *faults: Fault) -> None:
        """Inject faults. Each applies to the next calls that match.

        Raises `UnknownFault` for a fault of deliveries if there are none.
        """
        if self.webhooks is None and any(isinstance(fault, DeliveryFault) for fault in faults):
            raise UnknownFault(
                "faults named webhook-* concern deliveries: name an address with --webhook"
            )
        self.faults += faults

    def rows_of(self, user: DemoUser) -> list[dict[str, Any]]:
        """Return the current clients of a user, in list order."""
        rows = self._clients(user).seen(math.inf)
        return [dict(row) for row in ordered(rows, self.behaviour)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "lifespan":
            await Router().lifespan(scope, receive, send)
        elif scope["type"] == "http":
            body = await Request(scope, receive).body()
            controlled = scope["path"].startswith(CONTROL)
            reply = self._control(scope, body) if controlled else await self._call(scope, body)
            await reply(scope, receive, send)

    async def _call(self, scope: Scope, body: bytes) -> Response:
        method, path = scope["method"], scope["path"].removeprefix("/v1")
        query = scope["query_string"].decode("latin-1")
        self.calls.append(f"{method} {path}?{query}" if query else f"{method} {path}")
        parts = {name: values[0] for name, values in parse_qs(query).items()}
        call = SandboxRequest(method, path, parts, _decode(body))
        faults = select_faults(self.faults, method, path)
        if delay := sum(each.latency + each.row_latency * call.limit for each in faults):
            await asyncio.sleep(delay)
        if any(fault.dropped for fault in faults):
            return _streamed(SandboxResponse(200, None, {}), b"-", cut=0)
        instead = next((fault for fault in faults if fault.instead), None)
        answer = instead.response() if instead else self._execute(scope, call, faults)
        if any(fault.lost for fault in faults):
            return _streamed(SandboxResponse(200, None, {}), b"-", cut=0)
        content = orjson.dumps(answer.envelope) if answer.content is None else answer.content
        for fault in faults:
            content = fault.encode(content)
        cut = next((fault.cut for fault in faults if fault.cut is not None), None)
        drip = next((fault.drip for fault in faults if fault.drip), 0)
        if cut is not None or drip:
            return _streamed(answer, content, cut=cut, drip=drip)
        return Response(content, answer.status, answer.headers)

    def _execute(
        self, scope: Scope, call: SandboxRequest, faults: Sequence[Fault]
    ) -> SandboxResponse:
        client = scope.get("client") or ("local", 0)
        call.now = self._clock()
        skew = timedelta(seconds=sum(fault.skew for fault in faults))
        call.timestamp = format_time(self._now() + skew)
        headers = {"content-type": "application/json", **self._spend(client[0])}
        envelope: dict[str, Any] = {"success": True}
        try:
            if int(headers["RateLimit-Remaining"]) < 0:
                headers["RateLimit-Remaining"] = "0"
                headers["Retry-After"] = headers["RateLimit-Reset"]
                raise SandboxError(429, "RATE_LIMIT_EXCEEDED", "Too many requests.")
            status, envelope["data"] = self._dispatch(scope, call, faults)
            if self.webhooks is not None and call.method != "GET":
                id = envelope["data"].get("id") or call.path.rpartition("/")[2]
                self.webhooks.report(call.method, id, call.timestamp, self.faults)
        except SandboxError as error:
            status = error.status
            error_id = f"err_{uuid.uuid4().hex[:12]}"
            envelope = {"success": False, "error": error.error, "errorId": error_id}
        answer = SandboxResponse(status, envelope | {"timestamp": call.timestamp}, headers)
        for fault in faults:
            fault.answer(call, answer)
        return answer

    def _spend(self, address: str) -> dict[str, str]:
        """Count a call in the window of its address; return the headers (API page, Rate limits)."""
        now = self._clock()
        ends, spent = self._windows.get(address, (now, 0))
        if now >= ends:
            ends, spent = now + self._seconds, 0
        self._windows[address] = ends, spent + 1
        return {
            "RateLimit-Limit": str(self._limit),
            "RateLimit-Remaining": str(self._limit - spent - 1),
            "RateLimit-Reset": str(math.ceil(ends - now)),
        }

    def _dispatch(
        self, scope: Scope, call: SandboxRequest, faults: Sequence[Fault]
    ) -> tuple[int, Any]:
        if call.path.startswith("/webhooks"):
            return 200, self._managed(scope, call)
        clients = self._clients(self._authorize(scope))
        for fault in faults:
            fault.receive(call)
        seen = clients.seen(call.now - max([call.lag, *(fault.lag for fault in faults)]))
        match call.method, call.path.split("/"):
            case "GET", ["", "clients"]:
                most = min([100, *(fault.most for fault in faults)])
                return 200, clients.page(seen, call.query, self.behaviour, most)
            case "POST", ["", "clients"]:
                return 201, clients.create(call)
            case "GET", ["", "clients", id]:
                for hidden in filter(None, (fault.hidden for fault in faults)):
                    clients.get(clients.seen(call.now - hidden), id)
                return 200, clients.get(seen, id)
            case "PUT", ["", "clients", id]:
                return 200, clients.update(id, call, self.behaviour.conflict_status)
            case "DELETE", ["", "clients", id]:
                return 200, clients.delete(id, call)
        raise SandboxError(404, "NOT_FOUND", "No such endpoint.")

    def _managed(self, scope: Scope, call: SandboxRequest) -> list[dict[str, Any]]:
        """Return what a broker's token may read of webhooks (API reference, Webhooks)."""
        if not any(name == b"authorization" for name, _ in scope["headers"]):
            raise SandboxError(401, "UnauthorizedError", "API keys may not manage webhooks.")
        if not self._authorize(scope).broker:
            raise SandboxError(403, "FORBIDDEN", "Only brokers may manage webhooks.")
        if call.method == "GET" and call.path == "/webhooks":
            return [] if self.webhooks is None else [self.webhooks.registered()]
        if call.method == "GET" and call.path == "/webhooks/events":
            return [{"event": name, "category": "client"} for name in EVENTS.values()]
        raise SandboxError(404, "NOT_FOUND", "No such endpoint.")

    def _authorize(self, scope: Scope) -> DemoUser:
        headers = dict(scope["headers"])
        user = self._by_key.get(headers.get(b"x-api-key", b"").decode("latin-1"))
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if user is None and scheme.lower() == "bearer":
            user = self._by_id.get(verify_token(token) or "")
        if user is None:
            raise SandboxError(401, "UnauthorizedError", "Authentication required.")
        need = "read" if scope["method"] == "GET" else "write"
        if need not in user.scopes:
            raise SandboxError(403, "FORBIDDEN", f"This key may not {need} clients.")
        return user

    def _control(self, scope: Scope, body: bytes) -> Response:
        """Execute a control request without counting it."""
        try:
            status, shown = self._changed(scope["method"], scope["path"], _decode(body) or {})
        except (UnknownFault, TypeError) as error:  # of fields that there are not
            status, shown = 400, {"message": str(error)}
        return Response(orjson.dumps(shown), status, media_type="application/json")

    def _changed(self, method: str, path: str, fields: Mapping[str, Any]) -> tuple[int, object]:
        match method, path.removeprefix(CONTROL):
            case "GET", "calls":
                return 200, self.calls
            case "DELETE", "calls":
                self.calls.clear()
            case "POST", "faults":
                self.fail(named(**fields) if "name" in fields else Fault(**fields))
            case "DELETE", "faults":
                self.faults.clear()
            case "GET" | "PUT", "behaviour":
                self.behaviour = replace(self.behaviour, **fields)
                return 200, asdict(self.behaviour)
            case _:
                return 404, {}
        return 200, {}


def _streamed(
    answer: SandboxResponse, content: bytes, *, cut: int | None = None, drip: int = 0
) -> Response:
    """Return a response that breaks off after `cut` bytes, or has `drip` bytes every 100 ms."""

    async def pieces() -> AsyncIterator[bytes]:
        if cut is not None:
            yield content[:cut]
            raise ConnectionDropped  # without a response begun the server would send 500
        for begin in range(0, len(content), drip):
            yield content[begin : begin + drip]
            await asyncio.sleep(0.1)

    headers = answer.headers | {"content-length": str(len(content))}
    return StreamingResponse(pieces(), answer.status, headers)


def _decode(body: bytes) -> Any:  # noqa: ANN401 - JSON is of any type
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
