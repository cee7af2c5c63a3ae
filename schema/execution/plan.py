"""Plan an operation for one request: its requests to the source are decided, nothing is sent."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode

from schema.execution.attribution import drop_traceback
from schema.execution.compiler.root_field import RootField, Specialization
from schema.execution.compiler.variables import Variables
from schema.execution.root_fields import WRITE_REQUESTS, ChangesRequest, EntityLookup, RootRequest
from schema.execution.sizes import PLANNED, VARIABLES, value_size
from schema.source.cost import EntitiesRequest, ListRequest, SourceRequest, WriteRequest
from schema.source.records import ClientFilter, ClientId, Fields
from schema.source.request_context import Priority
from schema.source.search import SearchRequest

PlannedField = tuple[RootField, RootRequest | Exception | None]
"""A root field and its request; the error that prevents it, or None for writes."""


class ParsedOperation(NamedTuple):
    """One operation of a validated document."""

    document: DocumentNode
    node: OperationDefinitionNode
    size: int
    """Estimated bytes, the document included."""


class EntityBatch(NamedTuple):
    """Clients that one or more root fields look up, read together with one priority."""

    priority: Priority
    ids: Sequence[ClientId]
    """Each id once."""
    fields: Fields
    """All fields that are selected on any of them."""
    lookups: Sequence[tuple[RootField, EntityLookup]]


class ExecutionPlan:
    """An operation with its variables: its requests are decided, nothing is sent.

    The plan keeps no state of an execution: it may be executed again, by any caller.
    """

    def __init__(
        self, operation: ParsedOperation, variant: Specialization, variables: Variables
    ) -> None:
        self.operation = operation
        self.variant = variant
        self.variable_values = variables
        self.requests = _sharing_a_collection(
            [(root, _build_request(root, variables)) for root in variant.roots]
        )
        """Each root field's request, or the error that prevents it; None for writes."""
        self.other_fields: list[
            tuple[RootField, ListRequest | ChangesRequest | Exception | None]
        ] = []
        """All root fields except those that look clients up by id."""
        self.pages: dict[ListRequest, list[RootField]] = {}
        """The pages to read, each with the root fields that show it."""
        self.has_no_errors = True
        """Whether no root field failed to plan.

        Plans with errors are not cached: raising a stored exception again would grow its traceback.
        """
        lookups: dict[Priority, list[tuple[RootField, EntityLookup]]] = {}
        for root, one in self.requests:
            if isinstance(one, EntityLookup):
                if one.many or one.slots[0] is not None:  # else it needs no request
                    lookups.setdefault(one.priority, []).append((root, one))
                self.has_no_errors = self.has_no_errors and not one.has_errors
                continue
            self.other_fields.append((root, one))
            if isinstance(one, ListRequest):
                self.pages.setdefault(one, []).append(root)
            elif one is not None and not isinstance(one, ChangesRequest):
                self.has_no_errors = False
        self.entity_batches = [_batch(each, group) for each, group in lookups.items()]
        """The clients to read, those of one priority together."""
        self.clients = sum(len(each.ids) for each in self.entity_batches)
        """Number of looked-up clients, each counted once for each priority."""

    @property
    def name(self) -> str | None:
        """Return the operation's name; None for an anonymous one."""
        name = self.operation.node.name
        return None if name is None else name.value

    @property
    def size(self) -> int:
        """Return the estimated bytes of the plan without its operation and its document."""
        return PLANNED + VARIABLES * value_size(self.variable_values.given)

    @property
    def shared(self) -> tuple[int, int]:
        """Return what identifies the operation, which other plans share, and its size.

        The size is in bytes; it includes the document.
        """
        return id(self.variant), self.operation.size + self.variant.size

    @property
    def writes(self) -> bool:
        """Return True if the operation is a mutation."""
        return self.variant.writes

    @property
    def changes(self) -> ChangesRequest | Exception | None:
        """Return the changes that a subscription delivers, or why there are none.

        None for an operation of another type.
        """
        if not self.variant.subscribes:
            return None
        if not self.requests:  # its only field is skipped
            return GraphQLError("The subscription selects no field.")
        [(_, request)] = self.requests  # GraphQL, 5.2.4.1
        assert isinstance(request, ChangesRequest | Exception)  # noqa: S101 - validated
        return request

    @property
    def compiled(self) -> bool:
        """Return True if each root field has an encoder; otherwise only graphql-core executes."""
        return self.variant.compiled

    @property
    def reads(self) -> bool:
        """Return True if a root field needs the source."""
        return bool(self.pages or self.entity_batches)

    @cached_property
    def needs(self) -> Sequence[tuple[str, SourceRequest]]:
        """Return the requests to the source, each with the response key of its root field.

        A client that several fields name belongs to the request of the first.
        """
        needs: list[tuple[str, SourceRequest]] = []
        named: dict[Priority, set[ClientId]] = defaultdict(set)
        for root, request in self.requests:
            if self.variant.writes and root.name in WRITE_REQUESTS:
                needs.append((root.key, WriteRequest(WRITE_REQUESTS[root.name], root.shown)))
            elif isinstance(request, ListRequest):
                needs.append((root.key, request))
            elif isinstance(request, EntityLookup):
                need = request.need
                ids = tuple(id for id in need.ids if id not in named[need.priority])
                named[need.priority].update(ids)
                needs.append((root.key, EntitiesRequest(ids, need.fields, need.priority)))
        return needs


def _build_request(root: RootField, variables: Variables) -> RootRequest | Exception | None:
    ask, arguments = root.ask, root.arguments
    if ask is None or arguments is None:
        return None
    try:
        for check in root.checks:
            check(variables)
        return ask(root.look, **arguments(variables))
    except Exception as error:  # noqa: BLE001 - located at the field
        drop_traceback(error)
        return error


def _sharing_a_collection(requests: list[PlannedField]) -> list[PlannedField]:
    """Return the requests, with searches of several collections made searches of a common one.

    One that holds the clients of all of them is read once.
    """
    narrowed = {each.where for _, each in requests if isinstance(each, SearchRequest)}
    if len(narrowed) < 2:  # noqa: PLR2004 - nothing to share
        return requests
    types = {where.client_type for where in narrowed}
    states = {where.status for where in narrowed}
    common = ClientFilter(
        client_type=types.pop() if len(types) == 1 else None,
        status=states.pop() if len(states) == 1 else None,
    )
    return [
        (root, replace(each, where=common) if isinstance(each, SearchRequest) else each)
        for root, each in requests
    ]


def _batch(priority: Priority, lookups: Sequence[tuple[RootField, EntityLookup]]) -> EntityBatch:
    named = dict.fromkeys(slot for _, one in lookups for slot in one.slots)
    fields = frozenset[str]().union(*{one.fields for _, one in lookups})
    return EntityBatch(priority, [slot for slot in named if isinstance(slot, str)], fields, lookups)
