"""Where clients come from: the contract of any source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from schema.source.request_context import Priority

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schema.source.cost import CostEstimate, SourceRequest
    from schema.source.errors import ClientError
    from schema.source.records import (
        ClientFilter,
        ClientId,
        ClientPatch,
        ClientRecord,
        Confirmation,
        Fields,
        NewClient,
        Page,
        Window,
        WriteResult,
    )
    from schema.source.request_context import RequestContext


class ClientSource(Protocol):
    """Something that can answer for clients. Every method may raise a `ClientError`."""

    async def window(
        self,
        operation: RequestContext,
        where: ClientFilter,
        window: Window,
        fields: Fields,
        lane: Priority = Priority.INTERACTIVE,
    ) -> Page:
        """The rows of `window` among the caller's clients that match `where`.

        `fields` are those the answer will show; rows may lack some of them (see `lacks`).
        A window of no rows still tells the total.
        """
        ...

    async def fetch(
        self, operation: RequestContext, ids: Sequence[ClientId], fields: Fields, lane: Priority
    ) -> Sequence[ClientRecord | ClientError]:
        """The clients with these distinct ids, in order; a failure stands where one failed.

        A missing client is a `NotFound` in its place. No record returned lacks any of `fields`.
        """
        ...

    async def create(self, operation: RequestContext, new: NewClient) -> WriteResult:
        """Create a client, at most once."""
        ...

    async def update(
        self, operation: RequestContext, id: ClientId, patch: ClientPatch
    ) -> WriteResult:
        """Change a client. Raises `Conflict` when `expected_version` is no longer current."""
        ...

    async def delete(self, operation: RequestContext, id: ClientId) -> Confirmation:
        """Delete a client, irreversibly."""
        ...

    def price(self, window: Window) -> int:
        """How many calls reading `window` would cost with nothing remembered."""
        ...

    def prices(
        self, operation: RequestContext, needs: Sequence[SourceRequest]
    ) -> Sequence[CostEstimate]:
        """What each of `needs` would cost now, all asked for together; nothing is sent.

        What fails, is repeated or is shared with other operations may cost less or more.
        """
        ...

    def rows_lack(self, fields: Fields) -> bool:
        """Whether list rows were seen to lack any of `fields`."""
        ...
