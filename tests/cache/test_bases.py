"""What a writer had read goes along with the change, for as long as it is held."""

from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from gateway.cache.source import CachingClientSource
from schema.source.errors import Conflict, Forbidden, NotFound
from schema.source.records import ClientId, ClientRecord
from schema.source.request_context import RequestContext
from schema.source.writes import ClientPatch, NewClient, WriteResult
from tests.cache.scripted import Scripted, asking, client, uuid
from tests.cache.test_by_id import fetch

pytestmark = pytest.mark.anyio

FIRST = client(1, notes="N", complete=True)


@dataclass
class Noting(Scripted):
    """Notes what each change was based on."""

    bases: list[ClientRecord | None] = field(default_factory=list)
    end: Exception | None = None
    repeats: WriteResult | None = None

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        return self.repeats or await super().create(operation, new)

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        self.bases.append(patch.base)
        if self.end is not None:
            raise self.end
        return await super().update(operation, id, patch)


@pytest.fixture
def source() -> Noting:
    return Noting({"ada": [client(1)], "bob": [client(1)]})


def change(version: int | None) -> ClientPatch:
    return ClientPatch({"email": "new@example.org"}, expected_version=version)


async def test_a_change_goes_with_the_version_it_was_read_at(
    cached: CachingClientSource, source: Noting
) -> None:
    await fetch(cached, 1)
    await cached.update(asking(), uuid(1), change(1))
    await cached.update(asking(), uuid(1), change(1))
    await cached.update(asking(), uuid(1), change(3))

    assert [base and base.version for base in source.bases] == [1, 1, 3]
    assert source.bases[0] is not None
    assert source.bases[0].email == FIRST.email


@pytest.mark.parametrize("version", [None, 7])
async def test_a_change_of_a_version_never_read_goes_alone(
    cached: CachingClientSource, source: Noting, version: int | None
) -> None:
    await fetch(cached, 1)
    await cached.update(asking(), uuid(1), change(version))

    assert source.bases == [None]


async def test_another_callers_reading_is_no_other_callers_base(
    cached: CachingClientSource, source: Noting
) -> None:
    await fetch(cached, 1)
    await cached.update(asking("bob"), uuid(1), change(1))

    assert source.bases == [None]


async def test_a_base_outlives_the_conflict_it_explains(
    cached: CachingClientSource, source: Noting
) -> None:
    await fetch(cached, 1)
    source.end = Conflict("Changed.", current=replace(FIRST, version=2))
    for _ in range(2):
        with pytest.raises(Conflict):
            await cached.update(asking(), uuid(1), change(1))

    assert [base and base.version for base in source.bases] == [1, 1]


async def test_a_caller_the_api_refused_has_no_bases_any_more(
    cached: CachingClientSource, source: Noting
) -> None:
    await fetch(cached, 1)
    await cached.update(asking(), uuid(1), change(1))
    source.end = Forbidden("No.")
    for _ in range(2):
        with pytest.raises(Forbidden):
            await cached.update(asking(), uuid(1), change(1))

    assert [base and base.version for base in source.bases] == [1, 1, None]


async def test_the_answer_of_yesterday_is_not_remembered_as_todays(
    cached: CachingClientSource, source: Noting
) -> None:
    source.repeats = WriteResult(FIRST, replayed=True)
    await cached.delete(asking(), uuid(1))

    assert await cached.create(asking(), NewClient("First 1", "Last", "seller")) == WriteResult(
        FIRST
    )
    assert isinstance((await fetch(cached, 1))[0], NotFound)
