"""Which clients a payload is about, wherever it names them."""

import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.events import Delivery, Event, find_ids, read_delivery

ONE, TWO = (str(uuid.UUID(int=number, version=4)) for number in (1, 2))


@pytest.mark.parametrize(
    "payload",
    [
        {"event": "client.updated", "timestamp": "now", "data": {"id": ONE}},
        {"event": "client.updated", "data": {"client": {"id": ONE, "user_id": TWO}}},
        {"data": {"clientId": ONE}},
        {"id": TWO, "data": {"client_id": ONE}},
        {"payload": {"clients": [{"id": ONE}]}},
        {"data": {"id": TWO, "client": {"id": ONE.upper()}}},
        {"id": ONE, "first_name": "Ada"},
        {"client_ids": [ONE]},
        {"data": [{"id": ONE}]},
    ],
)
def test_the_id_is_found_in_every_likely_shape(payload: Any) -> None:
    assert find_ids(payload) == {ONE}


@pytest.mark.parametrize(
    "payload",
    [
        None,
        ONE,
        [],
        {"data": {"user_id": ONE, "owner": {"id": ONE}}},
        {"data": {"id": 7, "client_id": None}},
        {"data": {"id": f"{ONE}x"}},
    ],
)
def test_what_is_not_the_id_of_a_client_is_not_taken_for_one(payload: Any) -> None:
    assert find_ids(payload) == frozenset()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@given(ids=st.lists(st.uuids(), min_size=1, max_size=20), beside=JSON, before=st.integers(0, 3))
def test_ids_are_found_beside_any_other_content(
    ids: list[uuid.UUID], beside: Any, before: int
) -> None:
    value: Any = {"other": beside, "clients": [{"id": str(id), "x": beside} for id in ids]}
    for _ in range(before):
        value = {"beside": beside, "data": value}

    assert find_ids(value) >= {str(id) for id in ids}


@given(payload=JSON, event=st.text(max_size=12) | st.none())
def test_any_body_is_read(payload: Any, event: str | None) -> None:
    found = read_delivery(json.dumps(payload).encode(), event)

    assert isinstance(found, Delivery)


def test_a_payload_that_is_too_deep_or_too_long_counts_as_one_without_ids() -> None:
    deep: Any = {"id": ONE}
    for _ in range(20):
        deep = {"data": deep}
    many = {"clients": [{"id": str(uuid.UUID(int=n, version=4))} for n in range(101)]}
    long = {"clients": [{"id": ONE}] + [{}] * 2_000}

    assert [find_ids(each) for each in (deep, many, long)] == [frozenset()] * 3


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("client.created", Event("created", frozenset({ONE}))),
        ("client.updated", Event("updated", frozenset({ONE}))),
        ("client.deleted", Event("deleted", frozenset({ONE}))),
        ("client.merged_by_a_robot", Event("unknown", frozenset({ONE}))),
        ("escrow.created", None),
        ("clients", None),
    ],
)
def test_events_are_known_by_their_prefix_and_the_catalogue(name: str, event: Event | None) -> None:
    body = json.dumps({"event": name, "data": {"id": ONE}}).encode()

    assert read_delivery(body, "ignored: it is not signed").event == event


@pytest.mark.parametrize("body", [b"", b"\xff", b"[", b"7", b"[" * 10_000])
def test_a_body_that_is_not_an_object_is_an_event_about_any_client(body: bytes) -> None:
    assert read_delivery(body, "client.updated") == Delivery(
        Event("updated", frozenset()), timed=False
    )
