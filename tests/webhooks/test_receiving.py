"""Deliveries at a real socket: what they change, what they cost, and which are refused."""

import hashlib
import hmac
import json
from collections.abc import Iterator

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO, GRACE
from tests.serving import Serving, Way, Wire, post, serving
from tests.webhooks.deliveries import PATH, SECRET, body_of, deliver, query, signed

CLIENT = "query ($id: ID!) { client(id: $id) { id email } }"
LIST = "{ clients(first: 3) { edges { node { id email } } } }"
ACTIVE = "{ clients(first: 3, filter: {status: ACTIVE}) { edges { node { id } } } }"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(window_seconds=60)  # so that more of the calls is left than of the time


@pytest.fixture
def gateway(sandbox: Sandbox, way: Way) -> Iterator[Serving]:
    with serving(sandbox, way, webhook_secrets=(SECRET, "the secret before it")) as gateway:
        yield gateway


@pytest.fixture
def wire(gateway: Serving) -> Iterator[Wire]:
    with gateway.connection() as wire:
        yield wire


def until_fresh(wire: Wire, text: str, **variables: str) -> None:
    """Repeat an operation until the refresh in the background is stored."""
    for _ in range(1_000):
        if not query(wire, text, **variables)["extensions"]["upstream"]["stale"]:
            return
    raise AssertionError(text)


def test_a_client_that_an_event_names_is_served_as_stale_and_read_again_behind_the_response(
    gateway: Serving, wire: Wire
) -> None:
    id = gateway.sandbox.rows_of(DEMO)[0]["id"]
    first = query(wire, CLIENT, id=id)

    assert deliver(wire, "client.updated", {"id": id}) == 204
    assert gateway.sandbox.calls == [f"GET /clients/{id}"]
    second = query(wire, CLIENT, id=id)

    assert second["data"] == first["data"]
    assert (
        second["extensions"]["upstream"]["calls"],
        first["extensions"]["upstream"]["calls"],
    ) == (0, 1)
    assert second["extensions"]["upstream"]["stale"] is True
    until_fresh(wire, CLIENT, id=id)
    assert gateway.sandbox.calls == [f"GET /clients/{id}"] * 2


def test_other_clients_stay_fresh(gateway: Serving, wire: Wire) -> None:
    one, other = (row["id"] for row in gateway.sandbox.rows_of(DEMO)[:2])
    query(wire, CLIENT, id=one)

    assert deliver(wire, "client.updated", {"id": other}) == 204
    again = query(wire, CLIENT, id=one)

    assert again["extensions"]["upstream"]["stale"] is False
    assert gateway.sandbox.calls == [f"GET /clients/{one}"]


def test_a_list_that_shows_the_client_and_one_it_may_enter_are_read_again(
    gateway: Serving, wire: Wire
) -> None:
    id = gateway.sandbox.rows_of(DEMO)[0]["id"]
    query(wire, LIST)
    query(wire, ACTIVE)
    assert len(gateway.sandbox.calls) == 1

    deliver(wire, "client.updated", {"id": id})
    active = query(wire, ACTIVE)["extensions"]["upstream"]

    assert (active["calls"], active["stale"]) == (0, True)
    until_fresh(wire, ACTIVE)
    assert query(wire, LIST)["extensions"]["upstream"]["stale"] is False
    assert gateway.sandbox.calls == ["GET /clients?page=1&limit=100"] * 2


@pytest.mark.parametrize("event", ["client.created", "client.unheard_of", "client.updated"])
def test_an_event_without_an_id_or_about_a_new_client_ages_every_list(
    wire: Wire, event: str
) -> None:
    query(wire, LIST)
    data = {} if event == "client.updated" else {"id": GRACE.clients()[0]["id"]}

    deliver(wire, event, data)

    assert query(wire, LIST)["extensions"]["upstream"]["stale"] is True


@pytest.mark.parametrize("event", ["client.updated", "client.deleted"])
def test_a_whole_collection_that_lacks_the_client_stays_fresh(wire: Wire, event: str) -> None:
    query(wire, LIST)

    deliver(wire, event, {"id": GRACE.clients()[0]["id"]})

    assert query(wire, LIST)["extensions"]["upstream"]["stale"] is False
    assert query(wire, ACTIVE)["extensions"]["upstream"]["stale"] is False


def test_an_event_never_fills_the_cache(gateway: Serving, wire: Wire) -> None:
    row = gateway.sandbox.rows_of(DEMO)[0]

    deliver(wire, "client.created", row | {"email": "forged@example.com"})
    found = query(wire, CLIENT, id=row["id"])

    assert found["data"]["client"]["email"] == row["email"]
    assert gateway.sandbox.calls == [f"GET /clients/{row['id']}"]


def state(wire: Wire) -> dict[str, int]:
    """The deliveries by outcome."""
    ready = wire.ask(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")
    found: dict[str, int] = json.loads(ready.content)["webhooks"]
    return {outcome: count for outcome, count in found.items() if count}


def test_a_retry_is_recognised_and_has_no_second_effect(gateway: Serving, wire: Wire) -> None:
    id = gateway.sandbox.rows_of(DEMO)[0]["id"]
    deliver(wire, "client.updated", {"id": id})
    query(wire, CLIENT, id=id)

    assert [deliver(wire, "client.updated", {"id": id}) for _ in range(3)] == [204] * 3
    again = query(wire, CLIENT, id=id)

    assert again["extensions"]["upstream"]["stale"] is False
    assert state(wire) == {"applied": 1, "duplicate": 3}


def test_equal_bodies_without_a_time_are_two_events_if_the_times_in_the_headers_differ(
    wire: Wire,
) -> None:
    body = b'{"event": "client.updated", "data": {}}'

    for time in ("1", "2", "2"):
        assert wire.ask(signed(body, f"X-Webhook-Timestamp: {time}")).status == 204

    assert state(wire) == {"applied": 2, "duplicate": 1}


def test_events_in_any_order_and_late_ones_only_age(gateway: Serving, wire: Wire) -> None:
    id = gateway.sandbox.rows_of(DEMO)[0]["id"]
    first = query(wire, CLIENT, id=id)

    for event, at in (("client.deleted", 9), ("client.updated", 5), ("client.created", -900)):
        assert deliver(wire, event, {"id": id}, at) == 204
    again = query(wire, CLIENT, id=id)

    assert again["data"] == first["data"]
    assert again["extensions"]["upstream"]["calls"] == 0
    until_fresh(wire, CLIENT, id=id)
    assert gateway.sandbox.calls == [f"GET /clients/{id}"] * 2


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["X-Webhook-Signature: sha256="],
        ["X-Webhook-Signature: sha256=" + 64 * "0"],
        ["X-Webhook-Signature: \xe9"],
        ["X-Webhook-Signature: {good}", "X-Webhook-Signature: {good}"],
        ["X-Webhook-Signature: sha1={good}"],
    ],
)
def test_a_delivery_without_a_valid_signature_is_refused_without_effect(
    gateway: Serving, wire: Wire, lines: list[str]
) -> None:
    id = gateway.sandbox.rows_of(DEMO)[0]["id"]
    query(wire, CLIENT, id=id)
    body = body_of("client.updated", {"id": id})
    good = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()

    refused = wire.ask(post(body, *(each.format(good=good) for each in lines), path=PATH, key=None))

    assert refused.status == 401
    assert "HMAC-SHA256" in refused.headers["www-authenticate"]
    assert json.loads(refused.content)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert query(wire, CLIENT, id=id)["extensions"]["upstream"]["stale"] is False
    assert state(wire) == {"refused": 1}


@pytest.mark.parametrize(
    "name", ["X-Webhook-Signature", "x-webhook-signature", "X-WEBHOOK-SIGNATURE"]
)
@pytest.mark.parametrize("prefix", ["sha256=", "SHA256=", ""])
@pytest.mark.parametrize("secret", [SECRET, "the secret before it"])
def test_either_secret_signs_with_or_without_the_prefix(
    wire: Wire, name: str, prefix: str, secret: str
) -> None:
    body = body_of("client.updated", {})
    good = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()

    assert wire.ask(post(body, f"{name}: {prefix}{good}", path=PATH, key=None)).status == 204


def test_a_body_may_have_64_kib_and_no_byte_more(wire: Wire) -> None:
    fits, over = (b'{"a": "' + b"x" * (65_536 - 9 + more) + b'"}' for more in (0, 1))

    assert [wire.ask(signed(body)).status for body in (fits, over)] == [204, 413]
    assert [wire.ask(signed(b"x" * size)).status for size in (131_072, 10)] == [413, 204]


def test_a_body_may_have_no_more_than_any_request_to_this_gateway(
    sandbox: Sandbox, way: Way
) -> None:
    with (
        serving(sandbox, way, webhook_secrets=(SECRET,), max_body_bytes=1_024) as gateway,
        gateway.connection() as wire,
    ):
        statuses = [wire.ask(signed(b"x" * size)).status for size in (1_024, 1_025, 20_000)]

    assert statuses == [204, 413, 413]


def test_a_flood_costs_no_call_and_keeps_its_bounds(gateway: Serving, wire: Wire) -> None:
    query(wire, LIST)

    for number in range(100):
        deliver(wire, "client.created", {}, number)
        wire.ask(signed(body_of("client.created", {}, -number), secret="another secret"))

    assert len(gateway.sandbox.calls) == 1
    assert state(wire) == {"applied": 100, "refused": 100}


def test_other_categories_are_counted_and_change_nothing(wire: Wire) -> None:
    query(wire, LIST)

    assert deliver(wire, "escrow.created", {"id": "7"}) == 204

    assert query(wire, LIST)["extensions"]["upstream"]["stale"] is False
    assert state(wire) == {"ignored": 1}


def test_the_response_has_the_header_fields_of_every_response(wire: Wire) -> None:
    accepted = wire.ask(signed(body_of("client.updated", {}), "x-request-id: mine-1"))
    shown = wire.ask(b"GET /webhooks/clients HTTP/1.1\r\nhost: localhost\r\n\r\n")

    assert accepted.content == b""
    assert accepted.headers["x-request-id"] == "mine-1"
    assert accepted.headers["cache-control"] == "no-store"
    assert accepted.headers["x-content-type-options"] == "nosniff"
    assert (shown.status, shown.headers["allow"]) == (405, "POST")


def test_without_a_secret_there_is_no_endpoint(sandbox: Sandbox, way: Way) -> None:
    with serving(sandbox, way) as gateway, gateway.connection() as wire:
        refused = wire.ask(signed(body_of("client.updated", {})))
        ready = wire.ask(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n")

    assert refused.status == 404
    assert "webhooks" not in json.loads(ready.content)


def test_a_name_in_host_that_is_not_accepted_is_refused_here_too(
    sandbox: Sandbox, way: Way
) -> None:
    with (
        serving(
            sandbox, way, webhook_secrets=(SECRET,), allowed_hosts=("gateway.example",)
        ) as gateway,
        gateway.connection() as wire,
    ):
        request = signed(body_of("client.updated", {}))
        statuses = [
            wire.ask(request.replace(b"host: localhost", b"host: " + name)).status
            for name in (b"gateway.example", b"evil.example")
        ]

    assert statuses == [204, 421]


def test_without_the_cache_deliveries_are_verified_and_change_nothing(
    sandbox: Sandbox, way: Way
) -> None:
    with (
        serving(sandbox, way, webhook_secrets=(SECRET,), cache=False) as gateway,
        gateway.connection() as wire,
    ):
        assert deliver(wire, "client.updated", {}) == 204
        assert sandbox.calls == []
