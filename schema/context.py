"""What a resolver may lean on: this request's source, operation and loaders."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from schema.loaders import Loaders
from schema.source.errors import Unauthenticated

if TYPE_CHECKING:
    from schema.source.protocols import ClientSource
    from schema.source.request_context import RequestContext

_WHO = (
    "This field needs a credential: send your ActuallyCare key in the X-API-Key header,"
    " or a bearer token in Authorization."
)


class Context:
    """One request's view of the world; `operation` is None for a caller without credential."""

    def __init__(self, source: ClientSource, operation: RequestContext | None) -> None:
        self.source = source
        self._operation = operation

    @property
    def is_authenticated(self) -> bool:
        """Whether anybody said who asks; without, nothing can be asked of the source."""
        return self._operation is not None

    @property
    def operation(self) -> RequestContext:
        """The operation being answered. Raises `Unauthenticated` when nobody said who asks."""
        if self._operation is None:
            raise Unauthenticated(_WHO)
        return self._operation

    @cached_property
    def loaders(self) -> Loaders:
        """Made on first use. Raises `Unauthenticated` like `operation`."""
        return Loaders(self.source, self.operation)
