"""graphql-transport-ws: the rules of the protocol, its codes, and the limits of a connection."""

import base64
import contextlib
import hashlib
import json
import os
import socket as sockets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import DEMO
from gateway.server import websocket
from tests.serving import Serving, Way, serving

PROTOCOL = Subprotocol("graphql-transport-ws")
CHANGED = "subscription ($id: ID!) { clientChanged(id: $id, initial: true) { client { email } } }"
INIT = {"type": "connection_init", "payload": {"X-API-Key": DEMO.api_key}}
TOO_DEEP = '{"type":"subscribe","id":"1","payload":{"variables":' + 300 * "[" + 300 * "]" + "}}"
TWICE = '{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","query":"{ a }"}}'
PAGE = "http://page.example"


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox(window_seconds=60)


@pytest.fixture(scope="module", params=list(Way), ids=lambda way: way.value)
def gateway(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[Serving]:
    limits: dict[str, Any] = {
        "timeout_connection_init": 0.5,
        "max_subscriptions_per_connection": 2,
        "cors_origins": (PAGE,),
        "allowed_hosts": ("gateway.test",),
    }
    with serving(sandbox, request.param, **limits) as gateway:
        yield gateway


def dialled(
    gateway: Serving, *protocols: Subprotocol, **options: Any
) -> AbstractContextManager[ClientConnection]:
    url = f"ws://{gateway.host}:{gateway.port}/graphql"
    chosen = list(protocols) or [PROTOCOL]
    opened: AbstractContextManager[ClientConnection] = connect(
        url, subprotocols=chosen, compression=None, proxy=None, **options
    )
    return opened


def ask(socket: ClientConnection, *messages: object) -> Any:
    """The answer to these messages."""
    for message in messages:
        socket.send(json.dumps(message))
    return json.loads(socket.recv(10))


def closing(socket: ClientConnection, *messages: str | bytes) -> tuple[int, str]:
    """The code and the reason by which the gateway closes after these messages."""
    with contextlib.suppress(ConnectionClosed):
        for message in messages:
            socket.send(message)
        while True:
            socket.recv(10)
    assert socket.close_code is not None
    assert socket.close_reason is not None
    return socket.close_code, socket.close_reason


def subscribe(name: str, query: str, **variables: Any) -> dict[str, Any]:
    return {"type": "subscribe", "id": name, "payload": {"query": query, "variables": variables}}


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        ([INIT, INIT], 4429, "Too many initialisation requests"),
        ([subscribe("1", "{ __typename }")], 4401, "Unauthorized"),
        (["none of ours"], 4400, "The message is not JSON."),
        ([[]], 4400, "The message is not a JSON object."),
        ([INIT, TWICE], 4400, "The message says a name twice in one object."),
        ([INIT, {"type": "start", "id": "1"}], 4400, "The type of the message is none"),
        ([INIT, {"type": "subscribe", "id": 1}], 4400, "The id must be a string"),
        ([INIT, {"type": "subscribe", "id": "1"}], 4400, "The payload of subscribe"),
        ([INIT, TOO_DEEP], 4400, "The payload of subscribe has too many levels."),
        ([{"type": "connection_init", "payload": []}], 4400, "The payload of connection_init"),
        ([INIT, *2 * [subscribe("1", CHANGED, id=str(DEMO.id))]], 4409, "Subscriber for 1"),
        ([], 4408, "Connection initialisation timeout"),
        ([{"type": "connection_init", "payload": {"X-API-Key": "7"}}], 4403, "X-API-Key must be"),
        ([{"type": "connection_init", "payload": {"Authorization": 7}}], 4400, "A credential must"),
    ],
)
def test_the_protocols_rules_are_held_by_its_codes(
    gateway: Serving, messages: list[Any], code: int, reason: str
) -> None:
    sent = [each if isinstance(each, str) else json.dumps(each) for each in messages]
    with dialled(gateway) as socket:
        found, why = closing(socket, *sent)

    assert (found, why[: len(reason)]) == (code, reason)


def test_a_connection_without_the_subprotocol_is_closed(gateway: Serving) -> None:
    with dialled(gateway, Subprotocol("graphql-ws")) as socket:
        assert socket.subprotocol is None
        assert closing(socket) == (4406, "Subprotocol not acceptable")


def test_a_binary_message_and_one_that_is_too_long_are_refused(gateway: Serving) -> None:
    with dialled(gateway) as socket:
        assert closing(socket, b"{}")[0] == 4400
    with dialled(gateway) as socket:
        assert closing(socket, " " * 200_000)[0] == 1009


def test_operations_of_every_kind_run_over_one_connection(
    gateway: Serving, sandbox: Sandbox
) -> None:
    row = sandbox.rows_of(DEMO)[0]
    with dialled(gateway) as socket:
        assert ask(socket, INIT) == {"type": "connection_ack"}
        assert ask(socket, {"type": "ping"}) == {"type": "pong"}

        answer = ask(socket, subscribe("q", "{ __typename }"))
        assert (answer["type"], answer["id"]) == ("next", "q")
        assert answer["payload"]["data"] == {"__typename": "Query"}
        assert json.loads(socket.recv(10)) == {"id": "q", "type": "complete"}

        answer = ask(socket, subscribe("e", "{ nothing }"))
        assert (answer["type"], answer["id"]) == ("error", "e")
        assert answer["payload"][0]["extensions"]["code"] == "BAD_USER_INPUT"

        answer = ask(socket, subscribe("s", CHANGED, id=row["id"]))
        assert answer["payload"]["data"]["clientChanged"]["client"] == {"email": row["email"]}


def test_a_subscription_is_sent_by_the_hash_of_its_document(
    gateway: Serving, sandbox: Sandbox
) -> None:
    sha256 = hashlib.sha256(CHANGED.encode()).hexdigest()
    by_hash = {
        "variables": {"id": sandbox.rows_of(DEMO)[0]["id"]},
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256}},
    }
    with dialled(gateway) as socket:
        ask(socket, INIT)
        unknown = ask(socket, {"type": "subscribe", "id": "1", "payload": by_hash})
        assert unknown["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
        for name, payload in (("2", {"query": CHANGED, **by_hash}), ("3", by_hash)):
            answer = ask(socket, {"type": "subscribe", "id": name, "payload": payload})
            assert (answer["type"], answer["id"]) == ("next", name)


def test_credentials_of_the_handshake_count_too(gateway: Serving, sandbox: Sandbox) -> None:
    id = sandbox.rows_of(DEMO)[0]["id"]
    with dialled(gateway, additional_headers={"X-API-Key": DEMO.api_key}) as socket:
        ask(socket, {"type": "connection_init"})
        assert ask(socket, subscribe("1", CHANGED, id=id))["type"] == "next"
    with dialled(gateway) as socket:
        ask(socket, {"type": "connection_init"})
        answer = ask(socket, subscribe("1", CHANGED, id=id))
        assert answer["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_a_connection_has_a_limit_of_operations(gateway: Serving, sandbox: Sandbox) -> None:
    id = sandbox.rows_of(DEMO)[0]["id"]
    with dialled(gateway) as socket:
        ask(socket, INIT)
        for number in "12":
            assert ask(socket, subscribe(number, CHANGED, id=id))["type"] == "next"
        answer = ask(socket, subscribe("3", CHANGED, id=id))
        assert (answer["type"], answer["id"]) == ("error", "3")
        assert answer["payload"][0]["extensions"]["code"] == "LIMIT_EXCEEDED"

        answer = ask(socket, {"type": "complete", "id": "1"}, subscribe("3", CHANGED, id=id))
        assert (answer["type"], answer["id"]) == ("next", "3")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 101),
        (PAGE, 101),
        ("http://gateway.test", 101),
        ("http://other.example", 403),
        ("null", 403),
    ],
)
def test_pages_connect_from_the_gateways_own_origin_and_those_of_cors(
    gateway: Serving, origin: str | None, status: int
) -> None:
    lines = [f"Origin: {origin}"] if origin else []
    assert _status(gateway, *lines) == status


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Sec-WebSocket-Version: 8", 426),
        ("Sec-WebSocket-Key: short", 400),
        ("Host: other.example", 421),
    ],
)
def test_a_handshake_that_is_none_is_refused(gateway: Serving, line: str, status: int) -> None:
    assert _status(gateway, line) == status


def _status(gateway: Serving, *lines: str) -> int:
    """The status of the response to a handshake, in which these lines replace the usual ones."""
    key = base64.b64encode(os.urandom(16)).decode()
    usual = {
        "Host": "gateway.test",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Protocol": PROTOCOL,
    }
    usual |= dict(line.split(": ", 1) for line in lines)
    head = "".join(f"{name}: {value}\r\n" for name, value in usual.items())
    with gateway.connection() as wire:
        return wire.ask(f"GET /graphql HTTP/1.1\r\n{head}\r\n".encode()).status


def test_at_other_paths_no_handshake_is_accepted(gateway: Serving) -> None:
    url = f"ws://{gateway.host}:{gateway.port}/livez"
    with pytest.raises(InvalidStatus) as refused, connect(url, proxy=None):
        pass
    assert refused.value.response.status_code == 200


def test_small_frames_without_end_hold_up_no_other_connection(gateway: Serving) -> None:
    pings = b"\x89\x80\0\0\0\0" * 20_000
    with dialled(gateway) as flood, dialled(gateway) as other:
        ask(other, INIT)
        flood.socket.sendall(pings)
        for _ in range(20):
            assert ask(other, {"type": "ping"}) == {"type": "pong"}


HANDSHAKE = (
    "GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    f"Sec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n"
).encode()


def framed(message: object) -> bytes:
    """A text frame as a client sends it, with a mask that changes nothing."""
    payload = json.dumps(message).encode()
    return b"\x81\xfe" + len(payload).to_bytes(2, "big") + b"\0" * 4 + payload


def test_a_client_that_answers_no_ping_is_cut_off(
    sandbox: Sandbox, way: Way, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(websocket, "CLOSE_SECONDS", 0.1)
    with serving(sandbox, way) as gateway, gateway.connection() as wire:
        wire.send(HANDSHAKE)
        received = wire.rest()

    assert b"\x89\x00" in received  # a ping
    assert (4410).to_bytes(2, "big") + b"No pong came." in received


def test_a_client_that_reads_nothing_is_cut_off(sandbox: Sandbox, way: Way) -> None:
    query = "{ clients(first: 100) { edges { node { id fullName email phone budgetMax } } } }"
    with serving(sandbox, way, timeout_write=0.2) as gateway, sockets.socket() as slow:
        slow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        slow.settimeout(20)
        slow.connect((gateway.host, gateway.port))
        slow.sendall(HANDSHAKE + framed(INIT))
        with contextlib.suppress(ConnectionError):
            for number in range(2_000):
                slow.sendall(framed(subscribe(f"{number}", query)))
                time.sleep(0.001)
            while slow.recv(65_536):
                pass


def test_when_the_gateway_stops_each_connection_is_to_come_back(sandbox: Sandbox, way: Way) -> None:
    id = sandbox.rows_of(DEMO)[0]["id"]
    with serving(sandbox, way) as gateway:
        idle = dialled(gateway).__enter__()
        busy = dialled(gateway).__enter__()
        ask(idle, INIT)
        ask(busy, INIT)
        ask(busy, subscribe("1", CHANGED, id=id))

    assert closing(idle)[0] == closing(busy)[0] == 1001


def test_a_mutation_under_way_is_answered_before_the_gateway_stops(
    sandbox: Sandbox, way: Way
) -> None:
    id = sandbox.rows_of(DEMO)[1]["id"]
    update = f'mutation {{ updateClient(input: {{id: "{id}", phone: "+1 555"}}) {{ __typename }} }}'
    with serving(sandbox, way) as gateway:
        socket = dialled(gateway).__enter__()
        ask(socket, INIT)
        sandbox.fail(Fault(latency=0.5))
        socket.send(json.dumps(subscribe("1", update)))
        time.sleep(0.2)

    answer = json.loads(socket.recv(10))
    assert answer["payload"]["data"]["updateClient"]["__typename"] == "UpdateClientSuccess"
    assert closing(socket)[0] == 1001


@pytest.mark.parametrize("pieces", [1, 5])
def test_a_handshake_may_follow_a_request_or_come_in_pieces(
    sandbox: Sandbox, way: Way, pieces: int
) -> None:
    before = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" if pieces == 1 else b""
    sent = before + HANDSHAKE
    size = -(-len(sent) // pieces)
    with (
        serving(sandbox, way) as gateway,
        sockets.create_connection((gateway.host, gateway.port), 5) as socket,
    ):
        socket.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)
        for start in range(0, len(sent), size):
            socket.sendall(sent[start : start + size])
            time.sleep(0.05)
        received = b""
        while b"101 Switching Protocols" not in received:
            received += socket.recv(4096)
        socket.sendall(framed(INIT))
        while b"connection_ack" not in received:
            received += socket.recv(4096) or pytest.fail(f"closed after {received!r}")
