"""Each named fault does what its line says, and leaves alone what it does not name."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import FAULTS, UnknownFault, named, parsed
from gateway.sandbox.faults import ConnectionDropped, Fault
from gateway.sandbox.users import DEMO, DemoUser
from gateway.sandbox.webhooks import DeliveryFault
from tests.sandbox.conftest import Clock

DEMO_60 = DemoUser(DEMO.name, 60)
NEW = {
    "first_name": " Ada ",
    "last_name": "King  Noel",
    "client_type": "buyer",
    "email": " Ada@Example.COM",
    "phone": "(661) 555-0142",
}


def first_of(sandbox: Sandbox) -> str:
    return str(sandbox.rows_of(DEMO)[0]["id"])


async def meta(api: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get("/clients", params=query)).json()["data"]["meta"]
    return found


@pytest.mark.parametrize(
    "name", [name for name, (_, fault) in FAULTS.items() if not isinstance(fault, DeliveryFault)]
)
async def test_a_fault_changes_something_of_a_read_or_of_a_write(name: str, clock: Clock) -> None:
    random = re.compile(rb"err_[0-9a-f]{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

    async def heard(*faults: Fault) -> list[Any]:
        begun = datetime(2026, 3, 1, tzinfo=UTC)  # responses have time stamps
        sandbox = Sandbox((DEMO_60,), clock=clock, now=lambda: begun)
        sandbox.fail(*faults)
        seen: list[Any] = []
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=sandbox),
            base_url="http://sandbox.test/v1",
            headers={"X-API-Key": DEMO_60.api_key},
        ) as api:
            ids = {row["id"].encode() for row in sandbox.rows_of(DEMO_60)}
            id = sandbox.rows_of(DEMO_60)[0]["id"]
            for method, path, body in (
                ("GET", "/clients?limit=60", None),
                ("GET", f"/clients/{id}", None),
                ("POST", "/clients", NEW),
                ("PUT", f"/clients/{id}", {"email": "x@example.com"}),
                ("GET", f"/clients/{id}", None),
                ("GET", "/clients?limit=10", None),
                ("DELETE", f"/clients/{id}", None),
                ("DELETE", f"/clients/{id}", None),
            ):
                try:
                    answer = await api.request(method, path, json=body)
                except (ConnectionDropped, httpx.DecodingError) as lost:
                    seen.append(type(lost))
                    continue
                content = random.sub(
                    lambda found: found[0] if found[0] in ids else b"random", answer.content
                )
                seen.append((answer.status_code, dict(answer.headers), content))
                for row in sandbox.rows_of(DEMO_60):
                    created = row if row["last_name"].startswith("King") else None
                    if created and method == "POST":
                        again = await api.get(f"/clients/{created['id']}")
                        seen.append((again.status_code, created["phone"], created["created_at"]))
        return seen

    assert await heard() == await heard()
    slow = {"slow", "drip", "page-slow"}  # these change when an answer comes, not what it is
    if name in slow:
        assert FAULTS[name][1].latency or FAULTS[name][1].drip or FAULTS[name][1].row_latency
    else:
        assert await heard(named(name)) != await heard()


async def test_a_replica_lags_and_catches_up(
    api: httpx.AsyncClient, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.fail(named("replica-lag"))
    id = first_of(sandbox)
    before = (await api.get(f"/clients/{id}")).json()["data"]
    clock.now = 20

    written = (await api.put(f"/clients/{id}", json={"email": "new@example.com"})).json()["data"]
    clock.now = 29
    soon = (await api.get(f"/clients/{id}")).json()["data"]
    listed = (await api.get("/clients?limit=1")).json()["data"]["clients"][0]
    clock.now = 30
    later = (await api.get(f"/clients/{id}")).json()["data"]

    assert written["version"] == before["version"] + 1
    assert soon == listed == before
    assert later == written


async def test_lists_and_reads_by_id_may_lag_apart(
    api: httpx.AsyncClient, sandbox: Sandbox, clock: Clock
) -> None:
    id = first_of(sandbox)
    clock.now = 20
    await api.delete(f"/clients/{id}")

    async def seen(fault: str) -> tuple[int, bool]:
        sandbox.faults.clear()
        sandbox.fail(named(fault))
        rows = (await api.get("/clients?limit=1")).json()["data"]["clients"]
        return (await api.get(f"/clients/{id}")).status_code, rows[0]["id"] == id

    assert await seen("detail-lag") == (200, False)
    assert await seen("list-lag") == (404, True)


async def test_a_new_client_is_missing_by_id_for_a_moment(
    api: httpx.AsyncClient, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.fail(named("missing-after-create"))
    id = (await api.post("/clients", json=NEW)).json()["data"]["id"]

    statuses = []
    for clock.now in (4.9, 5.0):
        statuses.append((await api.get(f"/clients/{id}")).status_code)

    assert statuses == [404, 200]
    assert first_of(sandbox) == id


async def test_versions_go_back_as_after_a_restored_backup(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.fail(named("restored-backup"))
    row = sandbox.rows_of(DEMO)[0]
    versions = [
        (await api.get(f"/clients/{row['id']}")).json()["data"]["version"] for _ in range(3)
    ]
    stale = await api.put(f"/clients/{row['id']}", json={"version": versions[0]})

    assert versions == [row["version"] + 2, row["version"], row["version"]]
    assert stale.status_code == 409


async def test_versions_beyond_32_bits_are_accepted_back(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.fail(named("large-versions"))
    row = sandbox.rows_of(DEMO)[0]
    version = (await api.get(f"/clients/{row['id']}")).json()["data"]["version"]
    written = await api.put(f"/clients/{row['id']}", json={"version": version})

    assert version == row["version"] + 2**40
    assert written.json()["data"]["version"] == version + 1


async def test_what_is_written_is_stored_tidied(api: httpx.AsyncClient, sandbox: Sandbox) -> None:
    sandbox.fail(named("tidied"))
    await api.post("/clients", json=NEW)
    row = sandbox.rows_of(DEMO)[0]

    assert [row[name] for name in ("first_name", "last_name", "email", "phone")] == [
        "Ada",
        "King Noel",
        "ada@example.com",
        "+16615550142",
    ]


@pytest.mark.parametrize(
    ("fault", "total", "more"),
    [
        ("total-one-high", 43, True),
        ("total-low", 32, True),
        ("total-of-page", 5, True),
        ("total-zero", 0, True),
        ("has-more-never", 42, False),
    ],
)
async def test_counts_lie(
    api: httpx.AsyncClient, sandbox: Sandbox, fault: str, total: int, *, more: bool
) -> None:
    sandbox.fail(named(fault))
    found = await meta(api, limit=5)

    assert (found["total"], found["hasMore"]) == (total, more)


async def test_more_is_promised_past_the_last_page(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.fail(named("has-more-always"))

    assert (await meta(api, page=9, limit=100))["hasMore"] is True


@pytest.mark.parametrize(("fault", "claimed"), [("page-cap-50", 50), ("page-cap-50-silent", 100)])
async def test_pages_are_capped(clock: Clock, fault: str, claimed: int) -> None:
    sandbox = Sandbox(clock=clock)
    sandbox.fail(named(fault, most=20))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=sandbox), headers={"X-API-Key": DEMO.api_key}
    ) as api:
        data = (await api.get("http://sandbox.test/v1/clients?limit=100")).json()["data"]

    assert len(data["clients"]) == 20
    assert data["meta"]["limit"] == (20 if claimed == 50 else 100)
    assert data["meta"]["hasMore"] is True


async def test_a_proxy_answers_before_the_api_and_is_not_counted(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.fail(named("proxy-404", method="DELETE", times=1))
    id = first_of(sandbox)

    answer = await api.delete(f"/clients/{id}")

    assert (answer.status_code, answer.text) == (404, "404 page not found\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "RateLimit-Remaining" not in answer.headers
    assert (first_of(sandbox), sandbox.remaining) == (id, 500)
    assert (await api.delete(f"/clients/{id}")).status_code == 200


@pytest.mark.parametrize("fault", ["write-408", "write-404", "write-202", "answer-lost"])
async def test_a_write_is_done_whatever_its_answer_is(
    api: httpx.AsyncClient, sandbox: Sandbox, fault: str
) -> None:
    sandbox.fail(named(fault))
    try:
        await api.delete(f"/clients/{first_of(sandbox)}")
    except ConnectionDropped:
        assert fault == "answer-lost"

    assert len(sandbox.rows_of(DEMO)) == 41
    assert (await api.get("/clients")).status_code == 200


@pytest.mark.parametrize(
    ("fault", "bytes"),
    [
        ("lone-surrogate", b'"notes":"half an emoji: \\ud83d"'),
        ("bad-utf-8", b'"notes":"caf\xe9"'),
        ("nan", b'"budget_min":NaN'),
        ("huge-number", b'"budget_min":1e400'),
    ],
)
async def test_one_row_holds_what_no_strict_parser_reads(
    api: httpx.AsyncClient, sandbox: Sandbox, fault: str, bytes: bytes
) -> None:
    sandbox.fail(named(fault))
    content = (await api.get("/clients")).content

    assert content.count(bytes) == 1
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(content)


async def test_a_byte_order_mark_and_a_gzip_come_unrequested(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    plain = (await api.get("/clients?limit=1")).json()["data"]
    sandbox.fail(named("byte-order-mark", times=1), named("gzip", times=1))

    marked, packed = [await api.get("/clients?limit=1") for _ in range(2)]

    assert json.loads(marked.content.decode("utf-8-sig"))["data"] == plain
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json()["data"] == plain


@pytest.mark.parametrize(
    ("fault", "headers"),
    [
        ("reset-zero", {"ratelimit-reset": "0", "ratelimit-remaining": "499"}),
        ("remaining-negative", {"ratelimit-remaining": "-3"}),
        (
            "rate-limit-draft-7",
            {
                "ratelimit": "limit=500, remaining=499, reset=900",
                "ratelimit-policy": "500;w=900",
            },
        ),
        (
            "rate-limit-draft-10",
            {"ratelimit": '"default";r=499;t=900', "ratelimit-policy": '"default";q=500;w=900'},
        ),
        ("rate-limit-x", {"x-ratelimit-remaining": "499", "x-ratelimit-reset": "900"}),
        ("limited-403", {"retry-after": "30", "ratelimit-remaining": "0"}),
        ("unavailable-503", {"retry-after": "30"}),
    ],
)
async def test_the_rate_limit_is_worded_otherwise(
    api: httpx.AsyncClient, sandbox: Sandbox, fault: str, headers: dict[str, str]
) -> None:
    sandbox.fail(named(fault))
    found = dict((await api.get("/clients")).headers)

    assert {name: found.get(name) for name in headers} == headers


@pytest.mark.parametrize(("fault", "second"), [("clock-behind", 0), ("clock-ahead", 40)])
async def test_stamps_are_off_by_the_clock(fault: str, second: int) -> None:
    sandbox = Sandbox((DEMO,), now=lambda: datetime(2026, 8, 1, 12, 0, 20, tzinfo=UTC))
    sandbox.fail(named(fault))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=sandbox), headers={"X-API-Key": DEMO.api_key}
    ) as api:
        created = (await api.post("http://sandbox.test/v1/clients", json=NEW)).json()

    stamp = f"2026-08-01T12:00:{second:02}.000Z"
    assert (created["data"]["created_at"], created["timestamp"]) == (stamp, stamp)


async def test_an_address_of_another_client_is_refused_in_the_apis_words(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.fail(named("duplicate-email"))
    before = sandbox.rows_of(DEMO)
    answers = [
        await api.post("/clients", json=NEW),
        await api.put(f"/clients/{first_of(sandbox)}", json={"email": "taken@example.com"}),
    ]

    assert [(each.status_code, each.json()["error"]["code"]) for each in answers] == [
        (409, "DUPLICATE_EMAIL")
    ] * 2
    assert sandbox.rows_of(DEMO) == before


async def test_standing_faults_apply_together_and_limited_ones_in_turn(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    sandbox.fail(
        named("total-zero"),
        named("reset-zero"),
        named("proxy-502", times=1),
        named("proxy-404", times=1),
    )
    answers = [await api.get("/clients") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [502, 404, 200]
    assert answers[2].json()["data"]["meta"]["total"] == 0
    assert answers[2].headers["ratelimit-reset"] == "0"


async def test_a_fault_is_fresh_each_time_it_is_named() -> None:
    first, second = named("restored-backup"), named("restored-backup")

    assert first is not second
    assert first == second
    assert (parsed("slow:0.2").share, parsed("slow").share) == (0.2, 1.0)


@pytest.mark.parametrize("text", ["nonsense", "slow:", "slow:2", "slow:0", "slow:x", ""])
def test_what_is_no_fault_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UnknownFault) as mistake:
        parsed(text)

    assert "\n" not in str(mistake.value)


async def test_faults_come_and_go_by_the_tests_own_door(api: httpx.AsyncClient) -> None:
    at = "http://sandbox.test/_sandbox/faults"
    unknown = await api.post(at, json={"name": "nonsense"})
    await api.post(at, json={"name": "proxy-502", "times": 1})
    await api.post(at, json={"name": "reset-zero"})
    answers = [await api.get("/clients") for _ in range(2)]
    await api.delete(at)
    whole = await api.get("/clients")

    assert unknown.status_code == 400
    assert [answer.status_code for answer in answers] == [502, 200]
    assert answers[1].headers["ratelimit-reset"] == "0"
    assert whole.headers["ratelimit-reset"] == "900"


async def test_a_control_request_with_an_unknown_field_is_refused(
    api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    before = sandbox.behaviour
    answers = [
        await api.put("http://sandbox.test/_sandbox/behaviour", json={"orderly": True}),
        await api.put("http://sandbox.test/_sandbox/behaviour", json=["order"]),
        await api.post("http://sandbox.test/_sandbox/faults", json={"nonsense": 1}),
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert "orderly" in answers[0].json()["message"]
    assert (sandbox.behaviour, sandbox.faults) == (before, [])
