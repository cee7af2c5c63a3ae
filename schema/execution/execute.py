"""Execute a compiled query for one request: read what it needs, then encode the outcome."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from graphql import ExecutionResult, GraphQLError

from schema.context import Context
from schema.execution.compiler.codegen import Fallback, refuse
from schema.execution.compiler.completion import Complete
from schema.execution.plan import ExecutionPlan
from schema.loaders import Loaders
from schema.source.errors import ClientError, NotFound
from schema.source.records import ClientId, ClientRecord
from schema.types.client_connection import connection

Execute = Callable[[ExecutionPlan, Context], Coroutine[Any, Any, ExecutionResult]]


_UNUSUAL = (Fallback, ClientError, GraphQLError, ValueError)
"""What generated code raises for an error or a value that only graphql-core completes."""
_log = logging.getLogger(__name__)


async def execute_plan(
    plan: ExecutionPlan, context: Context, by_graphql_core: Execute, *, compiles: bool
) -> ExecutionResult:
    """Read what a query needs, then encode the outcome. Raises nothing but a cancellation.

    An error, a value that is not usual, a mutation and what is not compiled are for graphql-core:
    what was read is in the request's loaders, and its resolvers find it there. So is what a bug in
    generated code leaves, which is logged.
    """
    if plan.compiled and plan.has_no_errors and (context.is_authenticated or not plan.reads):
        if plan.reads:
            await _read(plan, context.loaders)
        if compiles:
            try:
                return ExecutionResult(_encode(plan, context), None)
            except _UNUSUAL:
                pass  # graphql-core locates what is wrong
            except Exception:  # noqa: BLE001 - a bug, which must not cost the answer
                _log.exception("generated code failed; graphql-core executes the operation")
    return await by_graphql_core(plan, context)


async def _read(plan: ExecutionPlan, loaders: Loaders) -> None:
    """Read all pages, and the clients of each priority together, at the same time."""
    reads: list[Coroutine[Any, Any, object]] = [loaders.pages.read(each) for each in plan.pages]
    reads += [
        loaders.clients(batch.priority).read(batch.ids, batch.fields)
        for batch in plan.entity_batches
        if batch.ids
    ]
    if len(reads) == 1:
        await reads[0]
    elif reads:
        await asyncio.gather(*reads)


def _encode(plan: ExecutionPlan, context: Context) -> dict[str, Any]:
    """Return the data for what was read. Raises one of `_UNUSUAL` where only graphql-core can."""
    type_name = plan.variant.type_name
    data: dict[str, Any] = {
        root.key: type_name if root.ask is None else None for root, _ in plan.requests
    }
    for request, roots in plan.pages.items():
        page = context.loaders.pages.outcomes[request]
        if isinstance(page, Exception):
            refuse(page)
        shown = connection(request.window, page, plan.variable_values)
        for root in roots:
            data[root.key] = root.encode(shown)
    for batch in plan.entity_batches:
        outcomes = context.loaders.clients(batch.priority).outcomes
        for root, lookup in batch.lookups:
            values = [_client(root.encode, outcomes, slot) for slot in lookup.slots]
            data[root.key] = values if lookup.many else values[0]
    return data


def _client(
    encode: Complete,
    outcomes: Mapping[ClientId, ClientRecord | Exception],
    slot: ClientId | GraphQLError | None,
) -> Any:
    outcome = outcomes[slot] if isinstance(slot, str) else None
    if outcome is None or isinstance(outcome, NotFound):
        return None
    return refuse(outcome) if isinstance(outcome, Exception) else encode(outcome)
