"""Execute a compiled operation for one request: read from the source, then complete the values."""

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
from schema.types.client_connection import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from schema.context import Context
    from schema.execution.compiler.root_field import RootField, Specialization
    from schema.execution.compiler.variables import Variables
    from schema.execution.plan import EntityBatch, ExecutionPlan, ParsedOperation
    from schema.loaders import ClientKey


async def execute_plan(plan: ExecutionPlan, context: Context) -> ExecutionResult:
    """Execute a plan and return the result. Raises nothing but a cancellation."""
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
    """One run of an operation: its data and errors so far."""

    def __init__(self, variant: Specialization, context: Context) -> None:
        self._variant = variant
        self._context = context
        self.data: dict[str, Any] = {root.key: None for root in variant.roots}
        self.errors: list[GraphQLError] = []
        self._found: dict[ClientId, ClientRecord | Exception | None] = {}

    async def read(self, planned: ExecutionPlan) -> None:
        """Read all root fields at once; clients by id in one batch for each priority."""
        if not self._context.is_authenticated:
            self._reject_unauthenticated(planned)
            return
        reads: list[Callable[[], Coroutine[Any, Any, None]]] = []
        for root, one in planned.other_fields:
            if isinstance(one, ListRequest):
                reads.append(partial(self._read_list, root, one))
            else:
                self._complete_without_request(root, one)
        reads += [partial(self._read_batch, each) for each in planned.entity_batches]
        if len(reads) == 1:
            await reads[0]()
        elif reads:
            await gather_with_cancel(*(read() for read in reads))

    def _reject_unauthenticated(self, planned: ExecutionPlan) -> None:
        """Set an `Unauthenticated` error on each field that needs the source."""
        for root, one in planned.requests:
            if not isinstance(one, EntityLookup | ListRequest):
                self._complete_without_request(root, one)
            elif isinstance(one, ListRequest) or one.many or one.slots[0] is not None:
                try:
                    _ = self._context.operation
                except Exception as error:  # noqa: BLE001 - located at the field
                    self._add_error(root, error)

    def _complete_without_request(
        self, root: RootField, error_found: EntityLookup | Exception | None
    ) -> None:
        """Complete a field that needs no request: `__typename`, or one with an error."""
        if root.field is None:
            self.data[root.key] = self._variant.type.name
        elif isinstance(error_found, Exception):
            self._add_error(root, error_found)

    async def _read_list(self, root: RootField, need: ListRequest) -> None:
        context = self._context
        try:
            page = await context.source.read_page(
                context.operation, need.where, need.window, need.fields
            )
            value = connection(need.window, page)
        except Exception as error:  # noqa: BLE001 - located at the field
            self._add_error(root, error)
        else:
            if not self._complete_strictly(root, value):
                await self._complete_value(root, value)

    async def _read_batch(self, group: EntityBatch) -> None:
        context, found = self._context, dict[ClientId, ClientRecord | Exception | None]()
        if group.ids:
            try:
                records = await context.source.fetch(
                    context.operation, group.ids, group.fields, group.priority
                )
            except Exception as error:  # noqa: BLE001 - located at each field
                found.update(dict.fromkeys(group.ids, error))
            else:
                for id, record in zip(group.ids, records, strict=True):
                    found[id] = None if isinstance(record, NotFound) else record
            self._found.update(found)
        for root, lookup in group.lookups:
            try:
                value = lookup.answer(found)
            except Exception as error:  # noqa: BLE001 - located at the field
                self._add_error(root, error)
            else:
                if not self._complete_strictly(root, value):
                    await self._complete_value(root, value)

    async def write(self, operation: ParsedOperation, variables: Variables) -> None:
        """Resolve the root fields one after the other, each by its graphql-core resolver."""
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
            except Exception as error:  # noqa: BLE001 - located at the field
                self._add_error(root, error)
            else:
                await self._complete_value(root, value)

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
            cast("Any", variables.coerced),  # as Strawberry passes it to resolvers
            self._context,
            cast("Any", optimized_is_awaitable),
            None,
            cast("Any", None),
        )

    def _complete_strictly(self, root: RootField, value: Any) -> bool:
        """Complete a value by the strict pass; return False if it needs the general one."""
        assert root.shape is not None  # noqa: S101 - only compiled operations are executed
        try:
            self.data[root.key] = root.shape(value, ROOT_PATH, STRICT)
        except Exception:  # noqa: BLE001 - the general pass locates it
            return False
        return True

    async def _complete_value(self, root: RootField, value: Any) -> None:
        """Complete a value by the general pass; again after the details of rows are read."""
        assert root.shape is not None  # noqa: S101 - only compiled operations are executed
        completed: dict[ClientKey, ClientRecord | BaseException] = {}
        while True:
            projection = CompletionContext(completed)
            error_found: Exception | None = None
            try:
                self.data[root.key] = root.shape(value, (None, root.key), projection)
            except Exception as error:  # noqa: BLE001 - located at the field
                error_found = error
            if not projection.incomplete:
                break
            completed.update(await self._load_details(list(projection.incomplete)))
        self.errors += projection.errors
        if error_found is not None:
            self._add_error(root, error_found)

    async def _load_details(
        self, incomplete: Sequence[ClientKey]
    ) -> dict[ClientKey, ClientRecord | BaseException]:
        known: dict[ClientKey, ClientRecord | BaseException] = {}
        for key in incomplete:
            found = self._found.get(key.id)
            if found is None or isinstance(found, Exception) or found.is_missing(key.fields):
                continue
            known[key] = found
        rest = [key for key in incomplete if key not in known]
        loader = self._context.loaders.clients
        loaded = await asyncio.gather(*map(loader.load, rest), return_exceptions=True)
        return {**known, **dict(zip(rest, loaded, strict=True))}

    def _add_error(self, root: RootField, error: Exception) -> None:
        located = located_error(error, root.nodes, [root.key])
        self.data[root.key] = None
        if root.required:
            raise located
        self.errors.append(located)
