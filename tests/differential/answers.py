"""A source that answers by chance, and the same question always in the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec

from gateway.search.facets import Facets
from schema.source.cost import CostEstimate, SourceRequest
from schema.source.errors import (
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    Issue,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    WriteUnconfirmed,
)
from schema.source.records import (
    ClientFilter,
    ClientId,
    ClientRecord,
    Fields,
    Page,
    PageSort,
    Window,
)
from schema.source.request_context import Priority, RequestContext
from schema.source.search import SearchRequest
from schema.source.writes import ClientPatch, Confirmation, NewClient, WriteResult
from tests.differential.values import IDS, record


class Answers:
    """A `ClientSource` whose every answer, failures and bugs too, comes of `seed`."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.failing = Random(seed).choice([0.0, 0.0, 0.1, 0.5])

    async def _chance(self, *question: Any) -> Random:
        chance = Random(f"{self._seed} {question}")
        for _ in range(chance.choice([0, 0, 1, 3])):
            await asyncio.sleep(0)
        return chance

    def _failure(self, chance: Random, *more: Exception) -> Exception | None:
        if chance.random() >= self.failing:
            return None
        return chance.choice(
            [
                Unavailable("Down.", code="UPSTREAM_TIMEOUT"),
                RateLimited("Spent.", retry_after=7),
                Unauthenticated("Who?"),
                Forbidden("Not you."),
                NotFound("Not there."),
                ZeroDivisionError("a bug"),
                *more,
            ]
        )

    async def read_page(
        self,
        operation: RequestContext,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Page:
        del operation, fields, priority
        return await self._page(window, "window", where, window)

    async def _page(self, window: Window, *question: object) -> Page:
        chance = await self._chance(*question)
        failure = self._failure(chance)
        if failure is not None:
            raise failure
        total = chance.choice([0, 1, 4, 6])
        ids = [IDS[index % 6] for index in range(total)]
        start = max(0, total - window.limit) if window.from_end else min(window.offset, total)
        stop = min(total, start + window.limit + chance.choice([0, 0, 2]))
        return Page(start, tuple(record(chance, id) for id in ids[start:stop]), total)

    async def search(self, operation: RequestContext, request: SearchRequest) -> Page:
        del operation
        page = await self._page(request.window, "search", request.where, request.question)
        fingerprint = request.question.fingerprint
        sort = PageSort(
            fingerprint, lambda record: tuple(record.id for _ in request.question.order)
        )
        return msgspec.structs.replace(
            page, sort=sort if request.question.order else None, facets=Facets(page.records)
        )

    async def fetch(
        self, operation: RequestContext, ids: Sequence[ClientId], fields: Fields, priority: Priority
    ) -> Sequence[ClientRecord | ClientError]:
        del operation, fields, priority
        if self._failure(Random(f"{self._seed} fetch")) is not None:
            await asyncio.sleep(0)
            raise Unavailable("All of it is down.")
        return [self._one(Random(f"{self._seed} {id}"), id) for id in ids]

    def _one(self, chance: Random, id: ClientId) -> ClientRecord | ClientError:
        failure = self._failure(chance)
        return failure if isinstance(failure, ClientError) else record(chance, id, complete=True)

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        del operation
        return await self._written("create", new, IDS[5])

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        del operation
        return await self._written("update", (id, sorted(patch.fields.items())), id)

    async def _written(self, what: str, change: object, id: str) -> WriteResult:
        chance = await self._chance(what, change)
        current = chance.choice([None, record(chance, id)])
        failure = self._failure(
            chance,
            Conflict("Changed.", expected_version=1, current=current),
            WriteUnconfirmed("Lost.", attempt_id="A"),
            InvalidInput("No.", issues=[Issue("email", "TAKEN", "is taken")]),
        )
        if failure is not None:
            raise failure
        return WriteResult(record(chance, id))

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        del operation
        chance = await self._chance("delete", id)
        failure = self._failure(chance, WriteUnconfirmed("Lost.", attempt_id="A"))
        if failure is not None:
            raise failure
        return Confirmation.ANSWER

    def page_cost(self, window: Window) -> int:
        del window
        return 1

    def estimate(
        self, operation: RequestContext, needs: Sequence[SourceRequest]
    ) -> Sequence[CostEstimate]:
        raise NotImplementedError

    def rows_lack(self, fields: Fields) -> bool:
        raise NotImplementedError
