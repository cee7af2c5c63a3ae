"""A source of clients that finds out what became of a write whose answer was lost."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakValueDictionary

from cachetools import LRUCache

from gateway.upstream import search
from gateway.upstream.likeness import Likeness
from gateway.upstream.merge import merged_over
from gateway.upstream.sightings import Search, fields_of, span
from gateway.upstream.verdicts import explained, settled, unconfirmed
from schema.failures import Conflict, Failure, NotFound, Unconfirmed
from schema.needs import WriteNeed
from schema.operation import Lane
from schema.source import FIELDS, ClientRecord, Confirmation, Sending, Written

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from gateway.upstream.api_clock import Lead
    from schema.needs import Kind, Need, Price
    from schema.operation import Operation
    from schema.source import (
        ClientFilter,
        ClientId,
        ClientPatch,
        ClientSource,
        Fields,
        MergedOver,
        NewClient,
        Page,
        Window,
    )

T = TypeVar("T")
MERGES = 2
"""Times a change is re-applied on what others have changed meanwhile."""
CREATE_CALLS = 1 + search.CALLS
UPDATE_CALLS = 3
"""One change with or without a version: sent, sent again, looked at."""
MERGE_CALLS = (1 + MERGES) * UPDATE_CALLS
DELETE_CALLS = 3
"""Calls that a write costs at most when answers are lost; one when none is."""
_RECOVERED: Mapping[Kind, int] = {
    "create": CREATE_CALLS - 1,
    "update": MERGE_CALLS - 1,
    "delete": DELETE_CALLS - 1,
}
_MADE = 10_000
"""Created clients held apart from what later searches find."""
_SEEN = 20_000
"""Clients known to have been there before a create, the latest read."""

_log = logging.getLogger(__name__)


class Recovering:
    """Wraps a `ClientSource`: sends again what cannot do harm twice, and looks at the rest.

    A create is never sent again. A write goes on to its end when whoever asked for it leaves.
    `lead`: how far the API's clock is ahead of `now`, which is in Unix seconds.
    """

    def __init__(
        self,
        source: ClientSource,
        *,
        lead: Callable[[], Lead],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._lead = lead
        self._now = now
        self._likeness = Likeness()
        self._made: LRUCache[tuple[str, str], None] = LRUCache(_MADE)
        self._seen: LRUCache[str, float] = LRUCache(_SEEN)
        """When, in Unix seconds, a client was first read."""
        self._alike: WeakValueDictionary[tuple[str, NewClient], asyncio.Lock] = (
            WeakValueDictionary()
        )
        self._under_way: set[asyncio.Task[Any]] = set()

    def price(self, window: Window) -> int:
        """Calls that reading `window` costs."""
        return self._source.price(window)

    def prices(self, operation: Operation, needs: Sequence[Need]) -> Sequence[Price]:
        """As the source prices them; at most, a write may also have to be looked for."""
        prices = self._source.prices(operation, needs)
        return [
            replace(price, maximum=price.maximum + _RECOVERED[need.kind])
            if isinstance(need, WriteNeed)
            else price
            for need, price in zip(needs, prices, strict=True)
        ]

    def rows_lack(self, fields: Fields) -> bool:
        """As the source knows."""
        return self._source.rows_lack(fields)

    async def window(
        self,
        operation: Operation,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        lane: Lane = Lane.INTERACTIVE,
    ) -> Page:
        """As the source answers."""
        page = await self._source.window(operation, where, window, fields, lane)
        self._saw(page.records)
        return page

    async def fetch(
        self, operation: Operation, ids: Sequence[ClientId], fields: Fields, lane: Lane
    ) -> Sequence[ClientRecord | Failure]:
        """As the source answers."""
        answers = await self._source.fetch(operation, ids, fields, lane)
        self._saw([answer for answer in answers if not isinstance(answer, Failure)])
        return answers

    def _saw(self, records: Sequence[ClientRecord]) -> None:
        """Note that these clients are there now: a create that begins later made none of them."""
        now = self._now()
        for record in records:
            self._seen.setdefault(record.id, now)

    async def create(self, operation: Operation, new: NewClient) -> Written:
        """Create a client: sent once, and looked for where that is not answered."""
        return await self._through(self._create(operation, new))

    async def update(self, operation: Operation, id: ClientId, patch: ClientPatch) -> Written:
        """Change a client; with `patch.merge`, also on top of changes to other fields."""
        return await self._through(self._update(operation, id, patch, MERGES, None))

    async def delete(self, operation: Operation, id: ClientId) -> Confirmation:
        """Delete a client: sent twice where the first is not answered, since that is no more."""
        return await self._through(self._delete(operation, id))

    async def aclose(self) -> None:
        """Wait for the writes under way, whoever has left meanwhile."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def find(
        self,
        operation: Operation,
        new: NewClient,
        sending: Sending,
        lost: Unconfirmed,
        accounted: frozenset[str] = frozenset(),
    ) -> Written:
        """The one client that a create must have made. Raises `lost`, with those it may have.

        `accounted`: ids of what came of others.
        """
        async with self._alone(operation, new):
            return await self._find(operation, new, sending, lost, accounted)

    async def _find(
        self,
        operation: Operation,
        new: NewClient,
        sending: Sending,
        lost: Unconfirmed,
        accounted: frozenset[str],
    ) -> Written:
        identity = operation.caller.identity
        accounted |= {id for whose, id in self._made if whose == identity}
        before = {id for id, at in self._seen.items() if at < sending.began}
        sought = Search(new, self._likeness, accounted, before)
        try:
            found = await search.search(
                self._source, operation, sought, lambda: span(sending, self._lead())
            )
        except Failure as failure:
            _log.warning("write %s could not be looked for: %s", lost.attempt_id, failure.code)
            raise lost from failure
        if found.it is None:
            raise unconfirmed(lost, found.candidates)
        self._made[identity, found.it.id] = None
        return Written(found.it, Confirmation.READBACK)

    async def _create(self, operation: Operation, new: NewClient) -> Written:
        async with self._alone(operation, new):
            began = self._now()
            try:
                written = await self._source.create(operation, new)
            except Unconfirmed as lost:
                sending = Sending(began, self._now())
                return await self._find(operation, new, sending, lost, frozenset())
            self._made[operation.caller.identity, written.record.id] = None
            self._likeness.learn(fields_of(new), written.record)
            return written

    def _alone(self, operation: Operation, new: NewClient) -> asyncio.Lock:
        """Held by one create of its kind at a time: of two, a client seen later could be either's.

        It is there for as long as somebody holds it or waits for it.
        """
        return self._alike.setdefault((operation.caller.identity, new), asyncio.Lock())

    async def _update(
        self,
        operation: Operation,
        id: ClientId,
        patch: ClientPatch,
        merges: int,
        over: MergedOver | None,
    ) -> Written:
        again = patch if over is None else replace(patch, expected_version=over.version)
        try:
            return replace(await self._put(operation, id, again), merged_over=over)
        except Conflict as conflict:
            mergeable = patch.merge and merges and not conflict.maybe_written
            over = merged_over(patch, conflict.current) if mergeable else None
            if over is None:
                raise explained(conflict, patch, self._likeness) from None
        return await self._update(operation, id, patch, merges - 1, over)

    async def _put(self, operation: Operation, id: ClientId, patch: ClientPatch) -> Written:
        try:
            written = await self._source.update(operation, id, patch)
        except Unconfirmed as error:
            lost = error
        else:
            self._likeness.learn(patch.fields, written.record)
            return written
        current: ClientRecord | None = None
        if patch.expected_version is not None:
            # With the same version it can only do what the first did, or nothing.
            try:
                return await self._source.update(operation, id, patch)
            except Conflict as conflict:
                if conflict.current is None:  # it could not be read just now
                    raise lost from None
                current = conflict.current
            except Failure:
                pass
        current = current or await self._look(operation, id, lost)
        return settled(patch, current, lost, self._likeness)

    async def _delete(self, operation: Operation, id: ClientId) -> Confirmation:
        try:
            return await self._source.delete(operation, id)
        except Unconfirmed as error:
            lost = error
        try:
            return await self._source.delete(operation, id)
        except NotFound:
            return Confirmation.READBACK
        except Failure:
            pass
        try:
            current = await self._look(operation, id, lost)
        except NotFound:
            return Confirmation.READBACK
        raise unconfirmed(lost, [current])

    async def _look(self, operation: Operation, id: ClientId, lost: Unconfirmed) -> ClientRecord:
        """The client as it now is. Raises `NotFound`, or `lost` where it could not be read."""
        [current] = await self._source.fetch(operation, [id], FIELDS, Lane.WRITE)
        if isinstance(current, NotFound):
            raise current
        if isinstance(current, Failure):
            raise lost from current
        return current

    async def _through(self, write: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(write)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # seen, also when whoever asked has left
