"""One request's run of a compiled operation: asked, waited for, projected."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLResolveInfo,
    get_argument_values,
    located_error,
)
from graphql.pyutils import Path as CorePath
from graphql.pyutils import gather_with_cancel
from strawberry.execution import optimized_is_awaitable

from schema.execution.attribution import attribute_errors
from schema.execution.compiler.projection import ROOT_PATH, STRICT, CompletionContext
from schema.execution.root_fields import EntityLookup
from schema.source.cost import ListRequest
from schema.source.errors import NotFound
from schema.source.records import ClientId, ClientRecord
from schema.types.connection import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from schema.context import Context
    from schema.execution.compiler.root_field import RootField, Specialization
    from schema.execution.compiler.variables import Variables
    from schema.execution.plan import EntityBatch, ExecutionPlan, ParsedOperation
    from schema.loaders import ClientKey


async def execute_plan(plan: ExecutionPlan, context: Context) -> ExecutionResult:
    """Return the answer to a planned operation. Never raises, except for a cancellation."""
    execution = Execution(plan.variant, context)
    try:
        if plan.writes:
            await execution.write(plan.operation, plan.variable_values)
        else:
            await execution.read(plan)
    except GraphQLError as error:
        return ExecutionResult(None, attribute_errors([*execution.errors, error]))
    return ExecutionResult(execution.data, attribute_errors(execution.errors))


class Execution:
    """What has been answered of one request so far."""

    def __init__(self, variant: Specialization, context: Context) -> None:
        self._variant = variant
        self._context = context
        self.data: dict[str, Any] = {root.key: None for root in variant.roots}
        self.errors: list[GraphQLError] = []
        self._found: dict[ClientId, ClientRecord | Exception | None] = {}

    async def read(self, planned: ExecutionPlan) -> None:
        """All root fields at once; clients by id in one question for each lane."""
        if not self._context.is_authenticated:
            self._without_source(planned)
            return
        waiting: list[Callable[[], Coroutine[Any, Any, None]]] = []
        for root, one in planned.other_fields:
            if isinstance(one, ListRequest):
                waiting.append(partial(self._rows, root, one))
            else:
                self._known(root, one)
        waiting += [partial(self._clients, each) for each in planned.entity_batches]
        if len(waiting) == 1:
            await waiting[0]()
        elif waiting:
            await gather_with_cancel(*(wait() for wait in waiting))

    def _without_source(self, planned: ExecutionPlan) -> None:
        """Nobody said who asks: each field that needs it is told so."""
        for root, one in planned.requests:
            if not isinstance(one, EntityLookup | ListRequest):
                self._known(root, one)
            elif isinstance(one, ListRequest) or one.many or one.slots[0] is not None:
                try:
                    _ = self._context.operation
                except Exception as error:  # noqa: BLE001 - told where the field is
                    self._failed(root, error)

    def _known(self, root: RootField, wrong: EntityLookup | Exception | None) -> None:
        """A field that asks nobody: it names the type, or something is `wrong` with it."""
        if root.field is None:
            self.data[root.key] = self._variant.type.name
        elif isinstance(wrong, Exception):
            self._failed(root, wrong)

    async def _rows(self, root: RootField, need: ListRequest) -> None:
        context = self._context
        try:
            page = await context.source.window(
                context.operation, need.where, need.window, need.fields
            )
            value = connection(need.window, page)
        except Exception as error:  # noqa: BLE001 - told where the field is
            self._failed(root, error)
        else:
            if not self._answered(root, value):
                await self._answer(root, value)

    async def _clients(self, group: EntityBatch) -> None:
        context, found = self._context, dict[ClientId, ClientRecord | Exception | None]()
        if group.ids:
            try:
                records = await context.source.fetch(
                    context.operation, group.ids, group.fields, group.lane
                )
            except Exception as error:  # noqa: BLE001 - told where each field is
                found.update(dict.fromkeys(group.ids, error))
            else:
                for id, record in zip(group.ids, records, strict=True):
                    found[id] = None if isinstance(record, NotFound) else record
            self._found.update(found)
        for root, asked in group.lookups:
            try:
                value = asked.answer(found)
            except Exception as error:  # noqa: BLE001 - told where the field is
                self._failed(root, error)
            else:
                if not self._answered(root, value):
                    await self._answer(root, value)

    async def write(self, operation: ParsedOperation, variables: Variables) -> None:
        """One root field after the other, each by the resolver that graphql-core would call."""
        for root in self._variant.roots:
            if root.field is None:
                self.data[root.key] = self._variant.type.name
                continue
            assert root.field.resolve is not None  # noqa: S101 - Strawberry gives one to each
            try:
                arguments = get_argument_values(
                    root.field,
                    root.nodes[0],
                    variables.whole,
                    None,
                    operation.hide_suggestions,
                )
                value = await root.field.resolve(
                    None, self._info(operation, variables, root), **arguments
                )
            except Exception as error:  # noqa: BLE001 - told where the field is
                self._failed(root, error)
            else:
                await self._answer(root, value)

    def _info(
        self, operation: ParsedOperation, variables: Variables, root: RootField
    ) -> GraphQLResolveInfo[Any]:
        assert root.field is not None  # noqa: S101 - only fields are resolved
        return GraphQLResolveInfo(
            root.name,
            list(root.nodes),
            root.field.type,
            self._variant.type,
            CorePath(None, root.key, self._variant.type.name),
            operation.schema,
            dict(operation.fragments),
            None,
            operation.node,
            cast("Any", variables.coerced),  # as Strawberry hands it to resolvers
            self._context,
            cast("Any", optimized_is_awaitable),
            None,
            cast("Any", None),
        )

    def _answered(self, root: RootField, value: Any) -> bool:
        """Project a value of which nothing is unusual; whether it is one."""
        assert root.shape is not None  # noqa: S101 - only compiled operations are executed
        try:
            self.data[root.key] = root.shape(value, ROOT_PATH, STRICT)
        except Exception:  # noqa: BLE001 - the long way tells what it is
            return False
        return True

    async def _answer(self, root: RootField, value: Any) -> None:
        """Project a value; once more where rows had to be completed first."""
        assert root.shape is not None  # noqa: S101 - only compiled operations are executed
        completed: dict[ClientKey, ClientRecord | BaseException] = {}
        while True:
            projection = CompletionContext(completed)
            wrong: Exception | None = None
            try:
                self.data[root.key] = root.shape(value, (None, root.key), projection)
            except Exception as error:  # noqa: BLE001 - told where the field is
                wrong = error
            if not projection.lacking:
                break
            completed.update(await self._complete(list(projection.lacking)))
        self.errors += projection.errors
        if wrong is not None:
            self._failed(root, wrong)

    async def _complete(
        self, lacking: Sequence[ClientKey]
    ) -> dict[ClientKey, ClientRecord | BaseException]:
        known: dict[ClientKey, ClientRecord | BaseException] = {}
        for wanted in lacking:
            found = self._found.get(wanted.id)
            if found is None or isinstance(found, Exception) or found.is_missing(wanted.fields):
                continue
            known[wanted] = found
        rest = [wanted for wanted in lacking if wanted not in known]
        loader = self._context.loaders.clients
        loaded = await asyncio.gather(*map(loader.load, rest), return_exceptions=True)
        return {**known, **dict(zip(rest, loaded, strict=True))}

    def _failed(self, root: RootField, error: Exception) -> None:
        located = located_error(error, root.nodes, [root.key])
        self.data[root.key] = None
        if root.required:
            raise located
        self.errors.append(located)
