"""An operation planned for one question: what it asks is decided, nothing is sent yet."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from graphql import ExecutionResult, GraphQLError

from schema.asks import WRITES, ClientsAsked
from schema.attribution import attributed, without_past
from schema.compiled.execution import Run
from schema.needs import ClientsNeed, Need, RowsNeed, WriteNeed
from schema.sizes import PLANNED, VARIABLES, value_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from graphql import DocumentNode

    from schema.asks import Asked
    from schema.compiled.operation import Operation
    from schema.compiled.roots import Root, Variant
    from schema.compiled.variables import Variables
    from schema.context import Context
    from schema.operation import Lane
    from schema.source import ClientId, Fields


class ById(NamedTuple):
    """Clients that several root fields may name, asked for together in one lane."""

    lane: Lane
    ids: Sequence[ClientId]
    """Each once."""
    fields: Fields
    """Whatever is shown of any of them."""
    asked: Sequence[tuple[Root, ClientsAsked]]


class Planned:
    """An operation with its variables: what it asks is decided, nothing is sent yet.

    It keeps nothing of whoever executes it, and may be executed again, by anybody.
    """

    def __init__(self, operation: Operation, variant: Variant, variables: Variables) -> None:
        self._operation = operation
        self._variant = variant
        self._variables = variables
        self.asked = [(root, _ask(root, variables)) for root in variant.roots]
        """What each root field asks of the source, or why it cannot; None for writes."""
        self.others = [each for each in self.asked if not isinstance(each[1], ClientsAsked)]
        """All but those that ask for clients by id."""
        self.by_id = _together(self.asked)
        self.clients = sum(len(each.ids) for each in self.by_id)
        """How many are asked for by id, each counted once in its lane."""

    @property
    def document(self) -> DocumentNode:
        """Where the operation stands."""
        return self._operation.document

    @property
    def name(self) -> str | None:
        """The operation's; None for a nameless one."""
        name = self._operation.node.name
        return None if name is None else name.value

    @property
    def variables(self) -> Mapping[str, Any]:
        """As they came."""
        return self._variables.given

    @property
    def size(self) -> int:
        """Bytes that it takes, with all that it was made of."""
        given = value_size(self._variables.given)
        return self._operation.size + self._variant.size + PLANNED + VARIABLES * given

    @property
    def writes(self) -> bool:
        """Whether it is a mutation."""
        return self._variant.writes

    @property
    def compiled(self) -> bool:
        """Whether `execute` can answer it; otherwise graphql-core must."""
        return self._variant.compiled

    @property
    def sound(self) -> bool:
        """Whether it holds no error: one that is raised again and again would hold its past."""
        places = [place for each in self.by_id for _, one in each.asked for place in one.places]
        asked = [one for _, one in self.others]
        return not any(isinstance(one, Exception) for one in (*asked, *places))

    def needs(self) -> list[tuple[str, Need]]:
        """What will be needed of the source, each by the key of the root field that needs it.

        A client that several fields name is a need of the first.
        """
        needs: list[tuple[str, Need]] = []
        named: dict[Lane, set[ClientId]] = defaultdict(set)
        for root, asked in self.asked:
            if self._variant.writes and root.name in WRITES:
                needs.append((root.key, WriteNeed(WRITES[root.name], root.shown)))
            elif isinstance(asked, RowsNeed):
                needs.append((root.key, asked))
            elif isinstance(asked, ClientsAsked):
                need = asked.need
                ids = tuple(id for id in need.ids if id not in named[need.lane])
                named[need.lane].update(ids)
                needs.append((root.key, ClientsNeed(ids, need.fields, need.lane)))
        return needs

    async def execute(self, context: Context) -> ExecutionResult:
        """The answer. Never raises, except for a cancellation."""
        run = Run(self._variant, context)
        try:
            if self._variant.writes:
                await run.write(self._operation, self._variables)
            else:
                await run.read(self)
        except GraphQLError as error:
            return ExecutionResult(None, attributed([*run.errors, error]))
        return ExecutionResult(run.data, attributed(run.errors))


def _ask(root: Root, variables: Variables) -> Asked | Exception | None:
    ask, arguments = root.ask, root.arguments
    if ask is None or arguments is None:
        return None
    try:
        return ask(root.look, **arguments(variables))
    except Exception as error:  # noqa: BLE001 - told where the field is
        without_past(error)
        return error


def _together(asked: Iterable[tuple[Root, Asked | Exception | None]]) -> list[ById]:
    """What is asked by id, lane by lane; a field that names nothing is answered without."""
    lanes: dict[Lane, list[tuple[Root, ClientsAsked]]] = {}
    for root, one in asked:
        if isinstance(one, ClientsAsked) and (one.many or one.places[0] is not None):
            lanes.setdefault(one.lane, []).append((root, one))
    return [_by_id(lane, group) for lane, group in lanes.items()]


def _by_id(lane: Lane, asked: Sequence[tuple[Root, ClientsAsked]]) -> ById:
    named = dict.fromkeys(place for _, one in asked for place in one.places)
    fields = frozenset[str]().union(*{one.fields for _, one in asked})
    return ById(lane, [place for place in named if isinstance(place, str)], fields, asked)
