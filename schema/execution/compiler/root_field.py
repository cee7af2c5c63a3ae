"""The root fields of an operation, and an operation specialized for its conditions."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from schema.execution.compiler.arguments import Arguments
from schema.execution.compiler.codegen import refuse
from schema.execution.compiler.collect_fields import SelectedFields
from schema.execution.compiler.completion import Complete
from schema.execution.compiler.variables import Variables
from schema.execution.root_fields import RootRequest
from schema.source.records import Fields
from schema.types.client import required_record_fields


class RootField(NamedTuple):
    """A root field: its request to the source and the encoder of its value."""

    key: str
    name: str
    look: SelectedFields
    arguments: Arguments | None = None
    ask: Callable[..., RootRequest] | None = None
    """None for writes and for fields without a request to the source."""
    checks: Sequence[Callable[[Variables], object]] = ()
    """What raises for wrong arguments of fields below it."""
    encode: Complete = refuse
    """Encodes a client's record or a connection."""

    @property
    def shown(self) -> Fields:
        """Return the selected fields of the client that a write returns."""
        return required_record_fields(
            self.look("client") | self.look("clientEdge", "node") | self.look("current")
        )


class Specialization(NamedTuple):
    """An operation for one combination of its conditions."""

    type_name: str
    """The name of the root type."""
    roots: Sequence[RootField]
    writes: bool
    subscribes: bool
    compiled: bool
    """Whether every root field has a request to the source or is `__typename`."""
    size: int
    """Estimated bytes without the document."""
