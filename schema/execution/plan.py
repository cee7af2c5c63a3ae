"""An operation planned for one question: what it asks is decided, nothing is sent yet."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from schema.execution.attribution import without_past
from schema.execution.root_fields import WRITE_REQUESTS, EntityLookup
from schema.execution.sizes import PLANNED, VARIABLES, value_size
from schema.source.cost import EntitiesRequest, ListRequest, SourceRequest, WriteRequest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from graphql import DocumentNode, FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode

    from schema.execution.compiler.root_field import RootField, Specialization
    from schema.execution.compiler.variables import Variables
    from schema.execution.root_fields import RootRequest
    from schema.source.records import ClientId, Fields
    from schema.source.request_context import Priority


class ParsedOperation(NamedTuple):
    """One operation of a validated document, and the schema that it was validated against."""

    document: DocumentNode
    node: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    schema: GraphQLSchema
    hide_suggestions: bool
    """Whether messages name no field that the client did not name."""
    size: int
    """Bytes that it takes, together with its document."""


class EntityBatch(NamedTuple):
    """Clients that several root fields may name, asked for together in one lane."""

    lane: Priority
    ids: Sequence[ClientId]
    """Each once."""
    fields: Fields
    """Whatever is shown of any of them."""
    lookups: Sequence[tuple[RootField, EntityLookup]]


class ExecutionPlan:
    """An operation with its variables: what it asks is decided, nothing is sent yet.

    It keeps nothing of whoever executes it, and may be executed again, by anybody.
    """

    def __init__(
        self, operation: ParsedOperation, variant: Specialization, variables: Variables
    ) -> None:
        self.operation = operation
        self.variant = variant
        self.variable_values = variables
        self.requests = [(root, _ask(root, variables)) for root in variant.roots]
        """What each root field asks of the source, or why it cannot; None for writes."""
        self.other_fields = [
            each for each in self.requests if not isinstance(each[1], EntityLookup)
        ]
        """All but those that ask for clients by id."""
        self.entity_batches = _together(self.requests)
        self.clients = sum(len(each.ids) for each in self.entity_batches)
        """How many are asked for by id, each counted once in its lane."""

    @property
    def document(self) -> DocumentNode:
        """Where the operation stands."""
        return self.operation.document

    @property
    def name(self) -> str | None:
        """The operation's; None for a nameless one."""
        name = self.operation.node.name
        return None if name is None else name.value

    @property
    def variables(self) -> Mapping[str, Any]:
        """As they came."""
        return self.variable_values.given

    @property
    def size(self) -> int:
        """Bytes that it takes, with all that it was made of."""
        given = value_size(self.variable_values.given)
        return self.operation.size + self.variant.size + PLANNED + VARIABLES * given

    @property
    def writes(self) -> bool:
        """Whether it is a mutation."""
        return self.variant.writes

    @property
    def compiled(self) -> bool:
        """Whether `execute_plan` can answer it; otherwise graphql-core must."""
        return self.variant.compiled

    @property
    def has_no_errors(self) -> bool:
        """Whether it holds no error: one that is raised again and again would hold its past."""
        places = [
            place for each in self.entity_batches for _, one in each.lookups for place in one.slots
        ]
        asked = [one for _, one in self.other_fields]
        return not any(isinstance(one, Exception) for one in (*asked, *places))

    def needs(self) -> list[tuple[str, SourceRequest]]:
        """What will be needed of the source, each by the key of the root field that needs it.

        A client that several fields name is a need of the first.
        """
        needs: list[tuple[str, SourceRequest]] = []
        named: dict[Priority, set[ClientId]] = defaultdict(set)
        for root, asked in self.requests:
            if self.variant.writes and root.name in WRITE_REQUESTS:
                needs.append((root.key, WriteRequest(WRITE_REQUESTS[root.name], root.shown)))
            elif isinstance(asked, ListRequest):
                needs.append((root.key, asked))
            elif isinstance(asked, EntityLookup):
                need = asked.need
                ids = tuple(id for id in need.ids if id not in named[need.lane])
                named[need.lane].update(ids)
                needs.append((root.key, EntitiesRequest(ids, need.fields, need.lane)))
        return needs


def _ask(root: RootField, variables: Variables) -> RootRequest | Exception | None:
    ask, arguments = root.ask, root.arguments
    if ask is None or arguments is None:
        return None
    try:
        return ask(root.look, **arguments(variables))
    except Exception as error:  # noqa: BLE001 - told where the field is
        without_past(error)
        return error


def _together(
    asked: Iterable[tuple[RootField, RootRequest | Exception | None]],
) -> list[EntityBatch]:
    """What is asked by id, lane by lane; a field that names nothing is answered without."""
    lanes: dict[Priority, list[tuple[RootField, EntityLookup]]] = {}
    for root, one in asked:
        if isinstance(one, EntityLookup) and (one.many or one.slots[0] is not None):
            lanes.setdefault(one.lane, []).append((root, one))
    return [_by_id(lane, group) for lane, group in lanes.items()]


def _by_id(lane: Priority, asked: Sequence[tuple[RootField, EntityLookup]]) -> EntityBatch:
    named = dict.fromkeys(place for _, one in asked for place in one.slots)
    fields = frozenset[str]().union(*{one.fields for _, one in asked})
    return EntityBatch(lane, [place for place in named if isinstance(place, str)], fields, asked)
