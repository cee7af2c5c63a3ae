"""The contract of a source of clients: what the graph reads, writes and estimates.

Every coroutine may raise a `ClientError`.
"""

from collections.abc import Sequence
from typing import Protocol

from schema.source.cost import CostEstimate, SourceRequest
from schema.source.errors import ClientError
from schema.source.records import ClientFilter, ClientId, ClientRecord, Fields, Page, Window
from schema.source.request_context import Priority, RequestContext
from schema.source.search import SearchRequest
from schema.source.writes import ClientPatch, Confirmation, NewClient, WriteResult


class ClientReader(Protocol):
    """Reads clients, and knows what its pages cost."""

    def page_cost(self, window: Window) -> int:
        """Return the calls for reading `window` with an empty cache."""

    async def read_page(
        self,
        operation: RequestContext,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        priority: Priority = Priority.INTERACTIVE,
    ) -> Page:
        """Return the rows of `window` among the caller's clients that match `where`.

        `fields` are the selected fields; rows may lack some of them (see
        `ClientRecord.is_missing`). The page of a window without rows still has the total.
        """

    async def fetch(
        self, operation: RequestContext, ids: Sequence[ClientId], fields: Fields, priority: Priority
    ) -> Sequence[ClientRecord | ClientError]:
        """Return the clients with these distinct ids, in order; a failure takes its client's place.

        A missing client is a `NotFound` in its place. No record returned lacks any of `fields`.
        """


class ClientSearcher(ClientReader, Protocol):
    """Searches, filters and sorts clients, which the API does not."""

    async def search(self, operation: RequestContext, request: SearchRequest) -> Page:
        """Return the window of a request among the caller's clients that match its question.

        `request.fields` are the selected fields, as for `read_page`. Raises `NotListed` if list
        rows lack a field of `request.needs`.
        """


class ClientWriter(Protocol):
    """Creates, changes and deletes clients."""

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client, at most once."""

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """Change a client. Raises `Conflict` if `expected_version` is no longer current."""

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """Delete a client, irreversibly."""


class ClientSource(ClientSearcher, ClientWriter, Protocol):
    """What the graph needs of a source of clients; it also estimates costs, without a call."""

    def estimate(
        self, operation: RequestContext, needs: Sequence[SourceRequest]
    ) -> Sequence[CostEstimate]:
        """Return the cost of each of `needs` now, all of them made together.

        Requests that fail, are repeated or are shared with other operations may cost less or more.
        """

    def rows_lack(self, fields: Fields) -> bool:
        """Return True if list rows were seen to lack any of `fields`."""
