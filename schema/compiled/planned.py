"""An operation planned for one request: what it asks is decided, nothing is sent yet."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from graphql import ExecutionResult, GraphQLError

from schema.asks import WRITES, ClientsAsked
from schema.compiled.execution import Run
from schema.needs import ClientsNeed, Need, RowsNeed, WriteNeed

if TYPE_CHECKING:
    from schema.asks import Asked
    from schema.compiled.operation import Operation
    from schema.compiled.roots import Root, Variant
    from schema.compiled.variables import Variables
    from schema.context import Context
    from schema.operation import Lane
    from schema.source import ClientId


class Planned:
    """An operation with its variables: what it asks is decided, nothing is sent yet."""

    def __init__(self, operation: Operation, variant: Variant, variables: Variables) -> None:
        self._operation = operation
        self._variant = variant
        self._variables = variables
        self.asked = [_ask(root, variables) for root in variant.roots]
        """What each root field asks of the source, or why it cannot; None for writes."""

    @property
    def compiled(self) -> bool:
        """Whether `execute` can answer it; otherwise graphql-core must."""
        return self._variant.compiled

    def needs(self) -> list[tuple[str, Need]]:
        """What will be needed of the source, each by the key of the root field that needs it.

        A client that several fields name is a need of the first.
        """
        needs: list[tuple[str, Need]] = []
        named: dict[Lane, set[ClientId]] = defaultdict(set)
        for root, asked in zip(self._variant.roots, self.asked, strict=True):
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
                await run.read(self.asked)
        except GraphQLError as error:
            return ExecutionResult(None, [*run.errors, error])
        return ExecutionResult(run.data, run.errors or None)


def _ask(root: Root, variables: Variables) -> Asked | Exception | None:
    ask, arguments = root.ask, root.arguments
    if ask is None or arguments is None:
        return None
    try:
        return ask(root.look, **arguments(variables))
    except Exception as error:  # noqa: BLE001 - told where the field is
        return error
