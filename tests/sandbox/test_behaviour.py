from dataclasses import replace
from typing import Any

import httpx
import pytest

from gateway.sandbox.api import LISTED, Sandbox
from gateway.sandbox.faults import ConnectionDropped, Fault
from gateway.sandbox.users import DEMO, EDSGER, GRACE, READER, WITHOUT_SCOPES
from tests.sandbox.conftest import Clock


def code(answer: httpx.Response) -> tuple[int, str]:
    payload = answer.json()
    assert payload["success"] is False
    assert payload["errorId"]
    return answer.status_code, payload["error"]["code"]


async def rows(api: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/clients", params=query)).json()["data"][
        "clients"
    ]
    return found


def test_the_demo_callers_have_the_same_clients_every_time() -> None:
    people = (DEMO, GRACE, EDSGER)

    assert [len(person.clients()) for person in people] == [42, 137, 2500]
    assert [person.clients() for person in people] == [person.clients() for person in people]
    ids = [row["id"] for person in people for row in person.clients()]
    assert len(ids) == len(set(ids))


async def test_an_unknown_key_is_unauthenticated(api: httpx.AsyncClient) -> None:
    assert code(await api.get("/clients", headers={"X-API-Key": "0" * 64})) == (
        401,
        "UnauthorizedError",
    )


async def test_a_key_without_scope_is_forbidden(api: httpx.AsyncClient) -> None:
    none = await api.get("/clients", headers={"X-API-Key": WITHOUT_SCOPES.api_key})
    reads = await api.get("/clients", headers={"X-API-Key": READER.api_key})
    writes = await api.post("/clients", headers={"X-API-Key": READER.api_key}, json={})

    assert code(none) == (403, "FORBIDDEN")
    assert reads.status_code == 200
    assert code(writes) == (403, "FORBIDDEN")


async def test_a_bearer_token_is_its_users_key(sandbox: Sandbox) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=sandbox), base_url="http://sandbox.test/v1"
    ) as api:
        valid = await api.get("/clients", headers={"Authorization": f"Bearer {GRACE.token}"})
        ended = await api.get(
            "/clients", headers={"Authorization": f"Bearer {GRACE.token_until(1)}"}
        )
        forged = await api.get("/clients", headers={"Authorization": f"Bearer {GRACE.token}x"})

    assert valid.json()["data"]["meta"]["total"] == 137
    assert [ended.status_code, forged.status_code] == [401, 401]


async def test_pages_are_clamped_and_past_the_end_empty(api: httpx.AsyncClient) -> None:
    assert len(await rows(api, limit=1000)) == 42
    assert len(await rows(api, limit=0)) == 1
    assert await rows(api, page=9) == []
    assert (await rows(api, page=2, limit=40)) == (await rows(api, limit=100))[40:]


async def test_filters_are_exact_by_default(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    exact = await rows(api, client_type="buyer", status="active", limit=100)
    sandbox.behaviour = replace(sandbox.behaviour, filter_both=True)
    wide = await rows(api, client_type="buyer", status="active", limit=100)

    assert {(row["client_type"], row["status"]) for row in exact} == {("buyer", "active")}
    assert {row["client_type"] for row in wide} == {"buyer", "both"}


async def test_rows_can_be_trimmed_and_the_order_turned(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    newest = await rows(api, limit=100)
    sandbox.behaviour = replace(sandbox.behaviour, list_rows="trimmed", order="created_asc")
    oldest = await rows(api, limit=100)

    assert [row["id"] for row in oldest] == [row["id"] for row in reversed(newest)]
    assert {tuple(row) for row in oldest} == {LISTED}


async def test_bad_input_is_reported_field_by_field(api: httpx.AsyncClient) -> None:
    created = await api.post("/clients", json={"first_name": " ", "client_type": "x", "email": 1})
    junk = await api.post("/clients", content=b"{")
    no_id = await api.get("/clients/7")

    assert code(created) == (400, "VALIDATION_ERROR")
    assert [each["field"] for each in created.json()["error"]["details"]] == [
        "first_name",
        "last_name",
        "client_type",
        "email",
    ]
    assert code(junk) == code(no_id) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("status", [409, 412, 400])
async def test_a_stale_version_changes_nothing(
    api: httpx.AsyncClient, sandbox: Sandbox, status: int
) -> None:
    sandbox.behaviour = replace(sandbox.behaviour, conflict_status=status)
    before = sandbox.rows_of(DEMO)[0]

    answer = await api.put(f"/clients/{before['id']}", json={"email": "x@y.z", "version": 99})

    assert answer.status_code == status
    assert sandbox.rows_of(DEMO)[0] == before


async def test_the_window_is_counted_down_and_then_closed(clock: Clock) -> None:
    sandbox = Sandbox(clock=clock, limit=3)
    transport = httpx.ASGITransport(app=sandbox)
    headers = {"X-API-Key": DEMO.api_key}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://sandbox.test/v1", headers=headers
    ) as api:
        results = []
        for _ in range(4):
            answer = await api.get("/clients")
            results.append((answer.status_code, answer.headers["RateLimit-Remaining"]))
            clock.now += 7
        limited = answer
        clock.now = 900
        opened = await api.get("/clients")

    assert results == [(200, "2"), (200, "1"), (200, "0"), (429, "0")]
    assert code(limited) == (429, "RATE_LIMIT_EXCEEDED")
    assert limited.headers["Retry-After"] == limited.headers["RateLimit-Reset"] == "879"
    assert (opened.status_code, opened.headers["RateLimit-Reset"]) == (200, "900")


async def test_calls_are_remembered_as_they_came(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    await api.get("/clients", params={"page": 2})
    await api.delete("/clients/7")

    assert sandbox.calls == ["GET /clients?page=2", "DELETE /clients/7"]


async def test_a_fault_meets_as_many_calls_as_it_says(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.fail(
        Fault(
            method="GET", times=2, status=502, body="<html>", headers={"content-type": "text/html"}
        )
    )

    answers = [await api.get("/clients") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [502, 502, 200]
    assert (answers[0].text, answers[0].headers["content-type"]) == ("<html>", "text/html")


async def test_an_answer_can_be_lost_after_the_write_was_done(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.fail(Fault(method="POST", lost=True), Fault(method="POST", dropped=True))
    new = {"first_name": "A", "last_name": "B", "client_type": "buyer"}

    for _ in range(2):
        with pytest.raises(ConnectionDropped):
            await api.post("/clients", json=new)

    assert len(sandbox.rows_of(DEMO)) == 43


async def test_records_can_be_malformed(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    sandbox.fail(Fault(record={"status": "hibernating", "budget_min": "a lot"}, without=("tags",)))

    row = (await rows(api))[0]

    assert (row["status"], row["budget_min"], "tags" in row) == ("hibernating", "a lot", False)


async def test_an_answer_can_be_cut_short(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    sandbox.fail(Fault(cut=10))

    with pytest.raises(ConnectionDropped):
        await api.get("/clients")


async def test_the_tests_own_door_is_neither_counted_nor_remembered(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    at = "http://sandbox.test/_sandbox"
    await api.post(f"{at}/faults", json={"status": 503})
    await api.put(f"{at}/behaviour", json={"list_rows": "trimmed"})

    assert (await api.get("/clients")).status_code == 503
    assert (await api.get(f"{at}/calls")).json() == ["GET /clients"]
    assert (await api.get(f"{at}/behaviour")).json()["list_rows"] == "trimmed"
    await api.delete(f"{at}/calls")
    assert (sandbox.calls, sandbox.remaining) == ([], 499)


async def test_a_share_of_the_answers_can_be_lost_and_evenly(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.fail(Fault(times=10, share=0.3, status=503))

    statuses = [(await api.get("/clients?limit=1")).status_code for _ in range(20)]

    assert [index for index, status in enumerate(statuses) if status == 503] == [3, 6, 9]
