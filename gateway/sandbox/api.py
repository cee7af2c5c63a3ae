"""The five Clients endpoints as the API page documents them, over records in memory."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn
from urllib.parse import parse_qs

import orjson

from gateway.sandbox.faults import Dropped, Fault
from gateway.sandbox.people import PEOPLE, Person, instant, named_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

BASE = "/v1/clients"
CONTROL = "/_sandbox/"
LISTED = (
    "id",
    "first_name",
    "last_name",
    "email",
    "phone",
    "client_type",
    "status",
    "source",
    "budget_min",
    "budget_max",
)
"""The ten fields of the API page's list example."""
TYPES = ("buyer", "seller", "both")
STATUSES = ("active", "inactive", "closed")


@dataclass(frozen=True)
class Behaviour:
    """What the API page leaves open."""

    conflict_status: int = 409
    """What a stale `version` is answered with: 409, 412 or 400."""
    list_rows: Literal["full", "trimmed"] = "full"
    order: Literal["created_desc", "created_asc"] = "created_desc"
    filter_both: bool = False
    """Whether `client_type=buyer` also lists clients that are both."""


@dataclass
class _Window:
    ends: float
    spent: int = 0


class Refusal(Exception):
    """An error answer, in the standard envelope."""

    def __init__(self, status: int, code: str, message: str, details: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"code": code, "message": message}
        if details is not None:
            self.error["details"] = details


class Sandbox:
    """The API in miniature; an ASGI application that remembers the calls it saw.

    `clock` times the rate limit's window, in seconds; `now` stamps records.
    """

    def __init__(  # noqa: PLR0913 - every knob by its name
        self,
        people: Sequence[Person] = PEOPLE,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        limit: int = 500,
        window_seconds: int = 900,
        behaviour: Behaviour | None = None,
    ) -> None:
        self.calls: list[str] = []
        self.faults: list[Fault] = []
        self.behaviour = behaviour or Behaviour()
        self._clock, self._now = clock, now
        self._limit, self._seconds = limit, window_seconds
        self._windows: dict[str, _Window] = {}
        self._by_key = {person.api_key: person for person in people}
        self._by_id = {person.id: person for person in people}
        self._clients = {
            person: {row["id"]: row for row in reversed(person.clients())} for person in people
        }

    @property
    def app(self) -> ASGIApp:
        """The application to serve."""
        return self

    @property
    def remaining(self) -> int:
        """Calls left in the window of whoever called last on this machine."""
        return self._limit - max((window.spent for window in self._windows.values()), default=0)

    def fail(self, *faults: Fault) -> None:
        """Let these go wrong, each with the next calls it meets."""
        self.faults += faults

    def rows_of(self, person: Person) -> list[dict[str, Any]]:
        """A caller's clients as they are, in list order."""
        return [dict(row) for row in self._rows(person)]

    def _rows(self, person: Person) -> list[dict[str, Any]]:
        rows = list(self._clients[person].values())
        return rows[::-1] if self.behaviour.order == "created_desc" else rows

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer (ASGI)."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            body = await _body(receive)
            if scope["path"].startswith(CONTROL):
                await _send(send, *self._control(scope, body))
            else:
                await self._call(scope, body, send)

    async def _call(self, scope: Scope, body: bytes, send: Send) -> None:
        method, path = scope["method"], scope["path"].removeprefix("/v1")
        query = scope["query_string"].decode("latin-1")
        self.calls.append(f"{method} {path}?{query}" if query else f"{method} {path}")
        met = next((each for each in self.faults if each.meets(method, path)), None)
        fault = met if met is not None and met.strikes() else Fault()
        if fault.latency:
            await asyncio.sleep(fault.latency)
        if fault.dropped:
            await _drop(send)
        status, answer, headers = self._answered(scope, path, query, body, fault)
        if fault.lost:
            await _drop(send)
        content = orjson.dumps(answer)
        if fault.status is not None:
            status = fault.status
        if fault.body is not None:
            content = fault.body.encode()
        headers = {"content-type": fault.content_type, **headers, **fault.headers}
        await _send(send, status, content, headers, cut=fault.cut, drip=fault.drip)

    def _answered(
        self, scope: Scope, path: str, query: str, body: bytes, fault: Fault
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        client = scope.get("client") or ("local", 0)
        headers = self._spend(client[0])
        try:
            if int(headers["RateLimit-Remaining"]) < 0:
                headers["RateLimit-Remaining"] = "0"
                headers["Retry-After"] = headers["RateLimit-Reset"]
                raise Refusal(429, "RATE_LIMIT_EXCEEDED", "Too many requests.")
            status, data = self._handled(scope, path, query, body)
        except Refusal as refusal:
            return refusal.status, self._wrong(refusal), headers
        if "id" in data:
            data = fault.changed(data)
        elif "clients" in data:
            data["clients"] = [fault.changed(row) for row in data["clients"]]
        return status, {"success": True, "data": data, "timestamp": instant(self._now())}, headers

    def _wrong(self, refusal: Refusal) -> dict[str, Any]:
        return {
            "success": False,
            "error": refusal.error,
            "errorId": f"err_{uuid.uuid4().hex[:12]}",
            "timestamp": instant(self._now()),
        }

    def _spend(self, address: str) -> dict[str, str]:
        """Count a call in its address's fixed window (API page, Rate limits)."""
        now = self._clock()
        window = self._windows.get(address)
        if window is None or now >= window.ends:
            window = self._windows[address] = _Window(now + self._seconds)
        window.spent += 1
        return {
            "RateLimit-Limit": str(self._limit),
            "RateLimit-Remaining": str(self._limit - window.spent),
            "RateLimit-Reset": str(math.ceil(window.ends - now)),
        }

    def _handled(
        self, scope: Scope, path: str, query: str, body: bytes
    ) -> tuple[int, dict[str, Any]]:
        method = scope["method"]
        person = self._who(dict(scope["headers"]))
        need = "read" if method == "GET" else "write"
        if need not in person.scopes:
            raise Refusal(403, "FORBIDDEN", f"This key may not {need} clients.")
        if path == "/clients":
            if method == "GET":
                return 200, self._listed(person, parse_qs(query))
            if method == "POST":
                return 201, self._created(person, _json(body))
        elif path.startswith("/clients/") and path.count("/") == 2:  # noqa: PLR2004
            id = _uuid(path.rpartition("/")[2])
            record = self._clients[person].get(id)
            if record is None:
                raise Refusal(404, "NOT_FOUND", "Client not found.")
            if method == "GET":
                return 200, dict(record)
            if method == "PUT":
                return 200, self._updated(record, _json(body))
            if method == "DELETE":
                del self._clients[person][id]
                return 200, {}
        raise Refusal(404, "NOT_FOUND", "No such endpoint.")

    def _who(self, headers: dict[bytes, bytes]) -> Person:
        person = self._by_key.get(headers.get(b"x-api-key", b"").decode("latin-1"))
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if person is None and scheme.lower() == "bearer":
            person = self._by_id.get(named_by(token) or "")
        if person is None:
            raise Refusal(401, "UnauthorizedError", "Authentication required.")
        return person

    def _listed(self, person: Person, asked: dict[str, list[str]]) -> dict[str, Any]:
        page = max(1, _whole(asked, "page", 1))
        limit = min(100, max(1, _whole(asked, "limit", 25)))
        kind, status = (asked.get(name, [None])[0] for name in ("client_type", "status"))
        kinds = {kind, "both"} if self.behaviour.filter_both else {kind}
        rows = [
            row
            for row in self._rows(person)
            if (kind is None or row["client_type"] in kinds)
            and (status is None or row["status"] == status)
        ]
        begin = (page - 1) * limit
        names = LISTED if self.behaviour.list_rows == "trimmed" else None
        return {
            "clients": [
                {name: row[name] for name in names} if names else dict(row)
                for row in rows[begin : begin + limit]
            ],
            "meta": {
                "page": page,
                "limit": limit,
                "total": len(rows),
                "totalPages": math.ceil(len(rows) / limit),
                "hasMore": begin + limit < len(rows),
            },
        }

    def _created(self, person: Person, given: dict[str, Any]) -> dict[str, Any]:
        wrong = [
            {"field": name, "message": f"{name} is required"}
            for name in ("first_name", "last_name")
            if not isinstance(given.get(name), str) or not given[name].strip()
        ]
        wrong += _not_among("client_type", given.get("client_type"), TYPES)
        wrong += _not_text(given, ("email", "phone"))
        _refuse(wrong)
        stamp = instant(self._now())
        record = {
            "id": str(uuid.uuid4()),
            "user_id": person.id,
            "first_name": given["first_name"],
            "last_name": given["last_name"],
            "email": given.get("email"),
            "phone": given.get("phone"),
            "client_type": given["client_type"],
            "status": "active",
            "source": None,
            "budget_min": None,
            "budget_max": None,
            "preferred_locations": [],
            "property_preferences": None,
            "pre_approved": False,
            "pre_approval_amount": None,
            "notes": None,
            "tags": [],
            "version": 1,
            "created_at": stamp,
            "updated_at": stamp,
        }
        self._clients[person][str(record["id"])] = record
        told = (*LISTED[:7], "version", "created_at", "updated_at")
        return {name: record[name] for name in told}

    def _updated(self, record: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        wrong = _not_text(given, ("email", "phone"))
        if "status" in given:
            wrong += _not_among("status", given["status"], STATUSES)
        version = given.get("version")
        if version is not None and not isinstance(version, int):
            wrong.append({"field": "version", "message": "version must be an integer"})
        _refuse(wrong)
        if version is not None and version != record["version"]:
            status = self.behaviour.conflict_status
            code = "VERSION_CONFLICT" if status != 400 else "VALIDATION_ERROR"  # noqa: PLR2004
            details = [{"field": "version", "message": "version is not current"}]
            raise Refusal(status, code, "The client was changed by somebody else.", details)
        record |= {name: given[name] for name in ("email", "phone", "status") if name in given}
        record["version"] += 1
        record["updated_at"] = instant(self._now())
        return dict(record)

    def _control(self, scope: Scope, body: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Tests' own door: neither counted nor remembered."""
        said: object = {}
        what = scope["method"], scope["path"].removeprefix(CONTROL)
        match what:
            case "GET", "calls":
                said = self.calls
            case "DELETE", "calls":
                self.calls.clear()
            case "POST", "faults":
                self.fail(Fault(**_json(body)))
            case "PUT", "behaviour":
                self.behaviour = replace(self.behaviour, **_json(body))
                said = asdict(self.behaviour)
            case "GET", "behaviour":
                said = asdict(self.behaviour)
            case _:
                return 404, b"{}", {"content-type": "application/json"}
        return 200, orjson.dumps(said), {"content-type": "application/json"}


def _refuse(wrong: list[dict[str, str]]) -> None:
    if wrong:
        raise Refusal(400, "VALIDATION_ERROR", "Invalid request data.", wrong)


def _not_among(name: str, value: object, among: tuple[str, ...]) -> list[dict[str, str]]:
    if value in among:
        return []
    return [{"field": name, "message": f"{name} must be one of {', '.join(among)}"}]


def _not_text(given: dict[str, Any], names: tuple[str, ...]) -> list[dict[str, str]]:
    return [
        {"field": name, "message": f"{name} must be a string"}
        for name in names
        if given.get(name) is not None and not isinstance(given[name], str)
    ]


def _json(body: bytes) -> dict[str, Any]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        given = None
    if not isinstance(given, dict):
        raise Refusal(400, "VALIDATION_ERROR", "The body must be a JSON object.")
    return given


def _whole(asked: dict[str, list[str]], name: str, otherwise: int) -> int:
    text = asked.get(name, [""])[0]
    return int(text) if text.lstrip("-").isdigit() else otherwise


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refusal(400, "VALIDATION_ERROR", "id must be a UUID.") from None


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def _drop(send: Send) -> NoReturn:
    """Begin an answer and break off: a server left alone with the error would answer 500."""
    headers = [(b"content-length", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    raise Dropped


async def _send(  # noqa: PLR0913 - an answer and what goes wrong with it
    send: Send,
    status: int,
    content: bytes,
    headers: dict[str, str],
    *,
    cut: int | None = None,
    drip: int | None = None,
) -> None:
    pairs = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    if cut is not None:
        await send({"type": "http.response.body", "body": content[:cut], "more_body": True})
        raise Dropped
    for begin in range(0, len(content), drip) if drip else ():
        await send(
            {
                "type": "http.response.body",
                "body": content[begin : begin + (drip or 0)],
                "more_body": True,
            }
        )
        await asyncio.sleep(0.1)
    await send({"type": "http.response.body", "body": b"" if drip else content})
