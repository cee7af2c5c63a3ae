"""Pages of a sorted search while another writer inserts, deletes and renames."""

import asyncio
from collections import Counter
from random import Random
from typing import Any

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import Fault
from tests.gateway.conftest import Gateway, before
from tests.search.office import Office, row, written

PAGE = """query ($after: String, $before: String, $first: Int, $last: Int, $order: [ClientOrder!]) {
  clients(orderBy: $order, filter: { not: { status: CLOSED } },
      after: $after, before: $before, first: $first, last: $last) {
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { node { id } }
  }
}"""
ORDER = [{"field": "LAST_NAME", "direction": "DESC"}, {"field": "BUDGET_MIN"}]


@pytest.fixture(autouse=True)
def compiled() -> bool:
    """The executor is all the same here: tests/search/test_model.py compares the two."""
    return True


class OtherWriter:
    """Another program that changes the same clients through the API."""

    def __init__(self, sandbox: Sandbox, user: Office, chance: Random) -> None:
        self.sandbox, self.user, self.chance = sandbox, user, chance
        self.kept = {each["id"] for each in self.rows()}
        """The clients that match the whole time."""

    def rows(self) -> list[dict[str, Any]]:
        return [each for each in self.sandbox.rows_of(self.user) if each.get("status") != "closed"]

    def write(self) -> None:
        chance, rows = self.chance, written(self.sandbox, self.user)
        for _ in range(chance.randrange(1, 4)):
            id = chance.choice(list(rows))
            kind = chance.choice(["insert", "delete", "rename"])
            if kind == "insert":
                new = row(chance, self.user.id)
                rows[new["id"]] = new
            elif kind == "delete":
                del rows[id]
            else:
                renamed = row(chance, self.user.id)
                version = rows[id]["version"] + 1
                rows[id] = {**renamed, "id": id, "version": version, "status": rows[id]["status"]}
        self.kept &= {each["id"] for each in self.rows()}


async def scroll(gateway: Gateway, user: Office, size: int, *, forwards: bool) -> Any:
    """Yield the ids of each page."""
    cursor = None
    while True:
        ends = {"first": size, "after": cursor} if forwards else {"last": size, "before": cursor}
        data = await gateway.query(PAGE, key=user.api_key, order=ORDER, **ends)
        page = data["clients"]
        yield [edge["node"]["id"] for edge in page["edges"]]
        cursor = page["pageInfo"]["endCursor" if forwards else "startCursor"]
        if not page["pageInfo"]["hasNextPage" if forwards else "hasPreviousPage"]:
            return


@pytest.mark.parametrize(
    ("end", "seconds"), [("first", 1), ("last", 2_000)], ids=["held", "read again between pages"]
)
async def test_each_client_that_stayed_is_seen_exactly_once(end: str, seconds: float) -> None:
    chance, forwards = Random(f"{end} {seconds}"), end == "first"
    user = Office("Busy", 2_500, seed=3)
    sandbox = Sandbox([user], limit=10**6)
    writer = OtherWriter(sandbox, user, chance)
    async with before(sandbox, upstream_rate_limit=10**5, max_operation_cost=60) as gateway:
        seen: Counter[str] = Counter()
        unmoved = {each["id"]: each for each in writer.rows()}
        pages = 0
        async for ids in scroll(gateway, user, 100, forwards=forwards):
            seen.update(ids)
            pages += 1
            writer.write()
            await asyncio.sleep(seconds if pages % 8 == 0 else 1)
        now = {each["id"]: each for each in writer.rows()}

    stayed = {id for id in writer.kept if now[id] == unmoved[id]}
    assert len(stayed) > 1_500
    assert {id: seen[id] for id in stayed} == dict.fromkeys(stayed, 1)


@pytest.mark.parametrize(("cap", "drift"), [(25, False), (5, True)])
async def test_rows_that_move_while_the_collection_is_read_are_read_again_if_calls_are_left(
    cap: int,
    drift: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    user = Office("Busy", 450, seed=4)
    sandbox = Sandbox([user], limit=10**6)
    writer = OtherWriter(sandbox, user, Random(1))
    async with before(sandbox, max_operation_cost=cap) as gateway:
        await gateway.query("{ clients(first: 1) { totalCount } }", key=user.api_key)
        sandbox.fail(Fault(times=2, latency=1))  # pages that are read after the write
        search = gateway.post(PAGE, key=user.api_key, order=ORDER, first=100)
        reading = asyncio.create_task(search)
        await asyncio.sleep(0.5)
        rows = written(sandbox, user)
        del rows[list(rows)[-1]]  # the first row of the list, with its page read already
        receipt = (await reading)["extensions"]["upstream"]
        seen = Counter(
            [id async for ids in scroll(gateway, user, 100, forwards=True) for id in ids]
        )

    assert receipt["drift"] is drift
    assert receipt["calls"] <= cap
    if not drift:
        assert seen == Counter({each["id"] for each in writer.rows()})
