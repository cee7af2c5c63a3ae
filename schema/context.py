"""The context of a resolver: this request's source, operation and loaders."""

from collections.abc import Mapping

from schema.loaders import Loaders
from schema.source.errors import Unauthenticated
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
        self._loaders: Loaders | None = None
        self.requests: Mapping[str, object] = {}
        """The planned request of each root field, or its failure, by response key."""

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

    @property
    def loaders(self) -> Loaders:
        """Return the request's loaders. Raises `Unauthenticated` without a credential."""
        if self._loaders is None:
            self._loaders = Loaders(self.source, self.operation)
        return self._loaders
