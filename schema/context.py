"""The context of a resolver: this request's source, operation and loaders."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from schema.loaders import Loaders
from schema.source.errors import Unauthenticated

if TYPE_CHECKING:
    from schema.source.protocols import ClientSource
    from schema.source.request_context import RequestContext

_CREDENTIAL_NEEDED = (
    "This field needs a credential: send your ActuallyCare key in the X-API-Key header,"
    " or a bearer token in Authorization."
)


class Context:
    """One request's context; `operation` is None for a caller without a credential."""

    def __init__(self, source: ClientSource, operation: RequestContext | None) -> None:
        self.source = source
        self._operation = operation

    @property
    def is_authenticated(self) -> bool:
        """Return True if the request carries a credential; the source needs one."""
        return self._operation is not None

    @property
    def operation(self) -> RequestContext:
        """Return the operation being executed. Raises `Unauthenticated` without a credential."""
        if self._operation is None:
            raise Unauthenticated(_CREDENTIAL_NEEDED)
        return self._operation

    @cached_property
    def loaders(self) -> Loaders:
        """Create the loaders on first use. Raises `Unauthenticated` without a credential."""
        return Loaders(self.source, self.operation)
