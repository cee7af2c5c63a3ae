"""The executable schema: its types, federation, and the execution of documents."""

import inspect
from collections.abc import Callable, Coroutine, Mapping
from functools import cache, partial
from typing import Any, cast

from graphql import ExecutionResult, GraphQLError, execute
from strawberry import federation
from strawberry.federation.schema import FederationAny
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from strawberry.types.scalar import ScalarDefinition, scalar

from schema.context import Context
from schema.execution.attribution import attribute_errors
from schema.execution.compile import CompiledOperation, OperationCompiler
from schema.execution.cost_limit import call_limit, check_cost, explain
from schema.execution.documents import Document, DocumentCache
from schema.execution.execute import execute_plan
from schema.execution.limits import Limits
from schema.execution.plan import ExecutionPlan
from schema.mutation import Mutation
from schema.query import Query, QueryWithoutNode, resolve
from schema.source.errors import ClientError, Unauthenticated
from schema.source.request_context import CallBudget, without_budget
from schema.strawberry_internals import core_schema, is_awaitable
from schema.subscription import Subscription
from schema.types.client import User
from schema.types.client_change import ClientChange
from schema.types.directives import portable_directives
from schema.types.error_union import HANDLERS
from schema.types.scalars import Timestamp, parse_instant

_TIMESTAMP: ScalarDefinition = scalar(
    name="DateTime",
    description="An instant in UTC, as RFC 3339 writes it, e.g. 2026-07-01T22:49:27.331Z.",
    serialize=str,
    parse_value=parse_instant,
    specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
)


class ExecutableSchema(federation.Schema):
    """The types of the graph and their resolvers."""

    def __init__(self, query: type) -> None:
        super().__init__(
            query=query,
            mutation=Mutation,
            subscription=Subscription,
            types=[User],
            exception_handlers=HANDLERS,
            federation_version="2.9",  # the newest that every composer in use understands
            config=StrawberryConfig(scalar_map={Timestamp: _TIMESTAMP}),
        )
        self.core = core_schema(self)
        """The same schema as graphql-core has it."""
        self.core.directives = portable_directives(self.core.directives)

    def entities_resolver(
        self, info: Info, representations: list[FederationAny]
    ) -> list[FederationAny]:
        """Return one entity for each planned slot, in order; an error or null stays in its slot.

        Overrides Strawberry's method, which nulls the whole field for one invalid `__typename` and
        changes the caller's variables. All ids are loaded in one tick of the loader.
        """
        del representations
        return cast("list[FederationAny]", resolve(info))


_schema = cache(ExecutableSchema)
"""The schema with these queries: no gateway changes it, so that all of a process share it."""


class Graph:
    """The schema as one gateway executes it."""

    def __init__(
        self,
        *,
        node_fields: bool = True,
        introspection: bool = True,
        limits: Limits | None = None,
        compiles: bool = True,
        cap: Callable[[], int] | None = None,
    ) -> None:
        """Set up execution; without `node_fields`, another subgraph owns `node` and `nodes`.

        If `compiles` is False, graphql-core executes every operation: the slow way, which tests
        compare the compiled way with. `cap` returns how many calls one operation may cost now.
        """
        self.schema = _schema(Query if node_fields else QueryWithoutNode)
        self.core = self.schema.core
        self.documents = DocumentCache(
            self.core, introspection=introspection, limits=limits or Limits()
        )
        self._hide_suggestions = not introspection
        self._compiles = compiles
        self._cap = cap
        self._compiler = OperationCompiler(
            self.core, self.schema.schema_converter, hide_suggestions=self._hide_suggestions
        )

    def plan(
        self, document: Document, variables: Mapping[str, Any], operation_name: str | None
    ) -> ExecutionPlan | list[GraphQLError]:
        """Return the plan of one operation of a valid document, or the errors in the variables.

        Raises `GraphQLError` if the document has no such operation.
        """
        operation = self._operation(document, operation_name)
        size = operation.size
        planned = operation.plan(variables)
        if operation.size > size:
            self.documents.grow(document, operation.size - size)
        return planned

    def run(
        self, planned: ExecutionPlan, context: Context
    ) -> Coroutine[object, object, ExecutionResult]:
        """Execute a planned operation. Raises nothing but a cancellation."""
        if context.is_authenticated and self._cap is not None:
            refused = check_cost(planned, context.source, context.operation, self._cap)
            if refused is not None:
                return _completed(ExecutionResult(None, [refused]))
            operation = context.operation
            operation.call_budget = CallBudget(
                partial(call_limit, planned, context.source, without_budget(operation), self._cap)
            )
        return execute_plan(planned, context, self._by_graphql_core, compiles=self._compiles)

    async def run_event(
        self, planned: ExecutionPlan, context: Context, event: ClientChange | ClientError
    ) -> ExecutionResult:
        """Execute the selection of a subscription for one event (GraphQL, 6.2.3.2)."""
        return await self._by_graphql_core(planned, context, event)

    async def _by_graphql_core(
        self,
        planned: ExecutionPlan,
        context: Context,
        root: ClientChange | ClientError | None = None,
    ) -> ExecutionResult:
        context.requests = {root.key: request for root, request in planned.requests}
        result = execute(
            self.core,
            planned.operation.document,
            root,
            variable_values=dict(planned.variable_values.given),
            operation_name=planned.name,
            context_value=context,
            is_awaitable=is_awaitable,
            executor_class=self.schema.execution_context_class,
            hide_suggestions=self._hide_suggestions,
            operation_extensions={},
        )
        if inspect.isawaitable(result):
            result = await result
        return ExecutionResult(result.data, attribute_errors(result.errors))

    def explain(
        self, planned: ExecutionPlan, context: Context
    ) -> dict[str, Any] | list[GraphQLError]:
        """Return the operation's cost now, or the errors that prevent the estimate.

        Nothing is sent.
        """
        try:
            return explain(planned, context.source, context.operation)
        except Unauthenticated as failure:
            return [GraphQLError(failure.message, original_error=failure)]

    def _operation(self, document: Document, name: str | None) -> CompiledOperation:
        operation = document.compiled.get(name)
        if operation is None:
            node = document.operation(name)
            operation = CompiledOperation(self._compiler, document.node, node)
            document.compiled[name] = operation
            self.documents.grow(document, operation.size)
        return operation


async def _completed(result: ExecutionResult) -> ExecutionResult:
    return result
