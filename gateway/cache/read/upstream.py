"""Reads that requests share: on whose behalf they are sent, and whose receipt they are on."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.cache.store.keys import Partition
from schema.source.errors import Forbidden, Unauthenticated
from schema.source.request_context import Receipt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.cache.policy.cost_attribution import CostAttribution
    from gateway.cache.store.fenced import FencedCache
    from schema.source.protocols import ClientReader
    from schema.source.request_context import RequestContext, Waiters


class Upstream:
    """Sends shared reads to `reader`, each with a time limit of at least `seconds`."""

    def __init__(
        self, reader: ClientReader, memory: FencedCache, accounts: CostAttribution, seconds: float
    ) -> None:
        self.reader = reader
        self.page_cost = reader.page_cost
        self._memory = memory
        self._accounts = accounts
        self._seconds = seconds

    @contextmanager
    def shared(
        self, operation: RequestContext, at: float, waiters: Waiters
    ) -> Iterator[RequestContext]:
        """Give the context of a read that is sent at `at` for all `waiters`; bill it afterwards.

        If the API rejects the credential, everything of this caller is removed.
        """
        deadline = max(operation.deadline, at + self._seconds)
        flight = replace(operation, deadline=deadline, receipt=Receipt(), waiters=waiters)
        try:
            yield flight
        except (Unauthenticated, Forbidden):
            self._memory.purge(Partition(operation.caller))
            raise
        finally:
            self._accounts.attribute(operation, flight)
