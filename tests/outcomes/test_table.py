"""Every row of the outcome table in docs/writes.md, run: what is returned, and what is true."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.app import create_app
from gateway.sandbox.api import Sandbox
from gateway.sandbox.catalogue import named
from gateway.sandbox.faults import Fault
from gateway.sandbox.users import READER
from gateway.storage.state_dir import in_memory
from gateway.writes.recovery import CREATE_CALLS, DELETE_CALLS, MERGE_CALLS, UPDATE_CALLS
from tests.gateway.conftest import HERE, Gateway, settings
from tests.upstream.recovery.conftest import REFUSAL, Desk, Unlucky

PAGE = Path(__file__).parents[2] / "docs" / "writes.md"
MISSING_ID = "00000000-0000-4000-8000-000000000000"
MINE, THEIRS = "mine@example.com", "theirs@example.com"
CREATE = """
mutation ($input: CreateClientInput!) {
  it: createClient(input: $input) {
    __typename
    ... on CreateClientSuccess { confirmedBy replayed client { id email } }
    ... on ClientMutationError { code retryable retryAfter }
    ... on ClientValidationError { issues { code } }
    ... on ClientWriteUnconfirmed { candidates { id } }
  }
}
"""
UPDATE = """
mutation ($input: UpdateClientInput!) {
  it: updateClient(input: $input) {
    __typename
    ... on UpdateClientSuccess {
      confirmedBy client { email } mergedOver { version changedFields }
    }
    ... on ClientMutationError { code retryable }
    ... on ClientVersionConflict { changedFields maybeWritten current { email } }
    ... on ClientWriteUnconfirmed { candidates { email } }
  }
}
"""
DELETE = """
mutation ($id: ID!) {
  it: deleteClient(input: {id: $id}) {
    __typename
    ... on DeleteClientSuccess { confirmedBy deletedClientId }
    ... on ClientMutationError { code retryable }
    ... on ClientWriteUnconfirmed { candidates { id } }
  }
}
"""
READ = "query ($id: ID!) { client(id: $id) { email phone status version } }"
OTTOLINE = {"firstName": "Ottoline", "lastName": "Lee", "clientType": "BUYER"}


class Scene:
    """A gateway before an unlucky network, and what the API holds."""

    def __init__(self, *, keeps: bool = True, window: int = 500, **changes: Any) -> None:
        self.sandbox = Sandbox(limit=window)
        self.wire = Unlucky(self.sandbox)
        self.desk = Desk(self.sandbox, self.wire)
        self.id: str = self.desk.first
        app = create_app(
            settings(**changes),
            wire=self.wire,
            state=in_memory(trusted=keeps),
            clock=asyncio.get_running_loop().time,
        )
        self.gateway = Gateway(
            httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE)
        )

    async def create(self, *, key: str | None = None, **changes: Any) -> Any:
        given = OTTOLINE | changes | ({} if key is None else {"idempotencyKey": key})
        return (await self.gateway.query(CREATE, input=given))["it"]

    async def update(self, **given: Any) -> Any:
        return (await self.gateway.query(UPDATE, input={"id": self.id, **given}))["it"]

    async def delete(self, id: str | None = None) -> Any:
        return (await self.gateway.query(DELETE, id=id or self.id))["it"]

    async def read(self) -> Any:
        return (await self.gateway.query(READ, id=self.id))["client"]

    async def somebody(self, **fields: str) -> None:
        await self.desk.somebody("PUT", f"/{self.id}", fields)

    @property
    def ottolines(self) -> list[str]:
        return [row["id"] for row in self.desk.rows if row["first_name"] == "Ottoline"]

    @property
    def email(self) -> str:
        row = self.desk.row(self.id)
        assert row is not None
        return str(row["email"])


async def answered(scene: Scene) -> None:
    version = (await scene.read())["version"]
    created = await scene.create()
    changed = await scene.update(email=MINE, expectedVersion=version)
    deleted = await scene.delete()

    assert [end["confirmedBy"] for end in (created, changed, deleted)] == ["ANSWER"] * 3
    assert scene.ottolines == [created["client"]["id"]]
    assert scene.desk.row(scene.id) is None
    assert await scene.read() is None


async def found(scene: Scene) -> None:
    version = (await scene.read())["version"]
    scene.wire.fates = ["answer lost"]
    created = await scene.create()
    scene.wire.fates = ["answer lost"]
    changed = await scene.update(email=MINE, expectedVersion=version)
    assert (await scene.read())["email"] == scene.email == MINE
    scene.wire.fates = ["answer lost"]
    deleted = await scene.delete()

    assert [end["confirmedBy"] for end in (created, changed, deleted)] == ["READBACK"] * 3
    assert scene.ottolines == [created["client"]["id"]]
    assert await scene.read() is None


async def replayed(scene: Scene) -> None:
    first = await scene.create(key="one click")
    [made] = scene.ottolines
    await scene.desk.somebody("PUT", f"/{made}", {"email": THEIRS})
    again = await scene.create(key="one click")

    assert (first["replayed"], again["replayed"]) == (False, True)
    assert again["client"] == {"id": made, "email": THEIRS}
    assert scene.sandbox.calls == ["POST /clients", f"GET /clients/{made}"]


async def gone_since(scene: Scene) -> None:
    await scene.create(key="one click")
    await scene.desk.somebody("DELETE", f"/{scene.ottolines[0]}")
    again = await scene.create(key="one click")

    assert (again["__typename"], again["code"]) == ("ClientNotFound", "NOT_FOUND")
    assert scene.ottolines == []
    assert scene.sandbox.calls.count("POST /clients") == 1


async def merged(scene: Scene) -> None:
    seen = await scene.read()
    await scene.somebody(phone="+1 661 555 0199")
    end = await scene.update(email=MINE, expectedVersion=seen["version"], onConflict="MERGE")

    assert end["mergedOver"] == {"version": seen["version"] + 1, "changedFields": ["phone"]}
    now = await scene.read()
    assert (now["email"], now["phone"]) == (scene.email, "+1 661 555 0199") == (MINE, now["phone"])


async def invalid(scene: Scene) -> None:
    end = await scene.create(email="nobody")

    assert [issue["code"] for issue in end["issues"]] == ["NOT_AN_EMAIL"]
    assert (scene.sandbox.calls, scene.ottolines) == ([], [])


async def reused(scene: Scene) -> None:
    await scene.create(key="one click")
    end = await scene.create(key="one click", email=MINE)

    assert [issue["code"] for issue in end["issues"]] == ["REUSED"]
    assert len(scene.ottolines) == 1


async def missing(scene: Scene) -> None:
    assert (await scene.delete(MISSING_ID))["__typename"] == "ClientNotFound"


async def conflict(scene: Scene) -> None:
    version = (await scene.read())["version"]
    await scene.somebody(email=THEIRS)
    end = await scene.update(email=MINE, expectedVersion=version)

    assert end == {
        "__typename": "ClientVersionConflict",
        "code": "VERSION_CONFLICT",
        "retryable": False,
        "changedFields": ["email"],
        "maybeWritten": False,
        "current": {"email": THEIRS},
    }
    assert scene.email == THEIRS


async def buried(scene: Scene) -> None:
    version = (await scene.read())["version"]

    async def others() -> None:
        await scene.somebody(phone="+1 661 555 0199")

    scene.wire.fates, scene.wire.afterwards = ["answer lost"], [others]
    end = await scene.update(email=MINE, expectedVersion=version)

    assert (end["__typename"], end["maybeWritten"]) == ("ClientVersionConflict", True)
    assert end["current"] == {"email": scene.email}


async def limited(scene: Scene) -> None:
    scene = Scene(window=0)
    end = await scene.create()

    assert (end["__typename"], end["retryable"]) == ("ClientRateLimited", True)
    assert end["retryAfter"] > 2
    assert scene.ottolines == []


async def unknown_create(scene: Scene) -> None:
    scene.wire.fates = ["never arrived"]
    end = await scene.create()

    assert (end["code"], end["retryable"], end["candidates"]) == ("WRITE_UNCONFIRMED", False, [])
    assert scene.ottolines == []
    assert "POST /clients" not in scene.sandbox.calls


async def unknown_keyed_create(scene: Scene) -> None:
    scene.wire.fates, scene.wire.unreadable = ["answer lost"], True
    first = await scene.create(key="one click")
    scene.wire.unreadable = False
    again = await scene.create(key="one click")

    assert first["__typename"] == "ClientWriteUnconfirmed"
    assert (again["confirmedBy"], [again["client"]["id"]]) == ("READBACK", scene.ottolines)
    assert scene.sandbox.calls.count("POST /clients") == 1


async def unknown_change(scene: Scene) -> None:
    version = (await scene.read())["version"]
    scene.wire.fates = ["never arrived", "never arrived"]
    before = scene.email
    first = await scene.update(email=MINE, expectedVersion=version)
    again = await scene.update(email=MINE, expectedVersion=version)

    assert (first["code"], first["candidates"]) == ("WRITE_UNCONFIRMED", [{"email": before}])
    assert (again["confirmedBy"], scene.email) == ("ANSWER", MINE)


async def unknown_deletion(scene: Scene) -> None:
    scene.wire.fates = ["never arrived", "never arrived"]
    first, again = await scene.delete(), await scene.delete()

    assert (first["code"], first["candidates"]) == ("WRITE_UNCONFIRMED", [{"id": scene.id}])
    assert (again["confirmedBy"], scene.desk.row(scene.id)) == ("ANSWER", None)


async def refused(scene: Scene) -> None:
    for key, code in (("f" * 64, "UNAUTHENTICATED"), (READER.api_key, "FORBIDDEN")):
        errors = await scene.gateway.errors(CREATE, key=key, input=OTTOLINE)
        assert errors == [("it", code)]
    assert scene.ottolines == []
    assert len(scene.sandbox.rows_of(READER)) == READER.rows


async def unsent(scene: Scene) -> None:
    scene.wire.fates = ["never sent", "never sent"]

    assert await scene.gateway.errors(CREATE, input=OTTOLINE) == [("it", "UPSTREAM_UNAVAILABLE")]
    assert (scene.ottolines, scene.sandbox.calls) == ([], [])


async def misplaced(scene: Scene) -> None:
    scene.sandbox.fail(Fault(path="/clients", status=404, body=REFUSAL))

    assert await scene.gateway.errors(CREATE, input=OTTOLINE) == [("it", "UPSTREAM_BAD_RESPONSE")]


async def replay_answered_by_a_proxy(scene: Scene) -> None:
    await scene.create(key="one click")
    await asyncio.sleep(301)  # the API's word on the credential is five minutes old
    scene.sandbox.calls.clear()
    scene.sandbox.fail(named("proxy-404", times=2))
    keyed = OTTOLINE | {"idempotencyKey": "one click"}

    assert await scene.gateway.errors(CREATE, input=keyed) == [("it", "UPSTREAM_BAD_RESPONSE")]
    assert {call.split()[0] for call in scene.sandbox.calls} == {"GET"}
    assert len(scene.ottolines) == 1


async def unrecorded(scene: Scene) -> None:
    scene = Scene(keeps=False)
    keyed = OTTOLINE | {"idempotencyKey": "one click"}

    assert await scene.gateway.errors(CREATE, input=keyed) == [("it", "IDEMPOTENCY_UNAVAILABLE")]
    assert scene.sandbox.calls == []
    assert (await scene.create())["confirmedBy"] == "ANSWER"


async def without_calls_left(scene: Scene) -> None:
    write = "createClient(input: $input) { __typename }"
    many = " ".join(f"c{number}: {write}" for number in range(9))
    scene = Scene(max_operation_cost=9)
    scene.wire.fates = ["answer lost"] * 9
    answer = await scene.gateway.post(
        f"mutation ($input: CreateClientInput!) {{ {many} }}", input=OTTOLINE
    )

    failed = {(error["path"][0], error["extensions"]["code"]) for error in answer["errors"]}
    assert failed == {(name, "TOO_EXPENSIVE") for name, end in answer["data"].items() if not end}
    assert len(scene.ottolines) == 9 - len(failed)
    assert len(scene.sandbox.calls) == 9


async def gone(scene: Scene) -> None:
    leaving = asyncio.create_task(scene.create(key="one click"))
    while not scene.sandbox.calls:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    again = await scene.create(key="one click")

    assert scene.ottolines == [again["client"]["id"]]
    assert scene.sandbox.calls.count("POST /clients") == 1


ROWS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "success, `confirmedBy: ANSWER`": answered,
    "success, `confirmedBy: READBACK`": found,
    "`CreateClientSuccess` with `replayed: true`": replayed,
    "`UpdateClientSuccess` with `mergedOver`": merged,
    "`ClientValidationError`": invalid,
    "`ClientValidationError`, issue `REUSED`": reused,
    "`ClientNotFound`": missing,
    "`ClientNotFound` of a create with a key": gone_since,
    "`ClientVersionConflict`, `maybeWritten: false`": conflict,
    "`ClientVersionConflict`, `maybeWritten: true`": buried,
    "`ClientRateLimited`": limited,
    "`ClientWriteUnconfirmed` of a create": unknown_create,
    "`ClientWriteUnconfirmed` of a create with a key": unknown_keyed_create,
    "`ClientWriteUnconfirmed` of a change": unknown_change,
    "`ClientWriteUnconfirmed` of a deletion": unknown_deletion,
    "error `UNAUTHENTICATED` or `FORBIDDEN`": refused,
    "error `UPSTREAM_UNAVAILABLE` or `UPSTREAM_TIMEOUT`": unsent,
    "error `UPSTREAM_BAD_RESPONSE` of a create with a used key": replay_answered_by_a_proxy,
    "error `UPSTREAM_BAD_RESPONSE` of a create": misplaced,
    "error `IDEMPOTENCY_UNAVAILABLE`": unrecorded,
    "error `TOO_EXPENSIVE`": without_calls_left,
    "no response from the gateway": gone,
}


def rows() -> list[str]:
    """The first column of the outcome table."""
    table = PAGE.read_text().split("| result |")[1].split("\n\n")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]


def test_the_table_has_these_rows_and_no_others() -> None:
    assert rows() == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
async def test_what_a_row_says_is_so(row: str) -> None:
    scene = Scene()
    await ROWS[row](scene)
    await scene.gateway.http.aclose()


def test_the_most_a_write_costs_is_what_the_page_says() -> None:
    documented = re.search(
        r"a create (\d+), a change (\d+) \((\d+) with `MERGE`\), a deletion (\d+)", PAGE.read_text()
    )

    assert documented is not None
    assert [int(number) for number in documented.groups()] == [
        CREATE_CALLS,
        UPDATE_CALLS,
        MERGE_CALLS,
        DELETE_CALLS,
    ]
