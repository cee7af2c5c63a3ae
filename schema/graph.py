"""The schema assembled: types, mutations, federation, and how a document is executed on it."""

import inspect
from typing import Any, cast

from graphql import ExecutionResult, GraphQLError, execute
from strawberry import federation
from strawberry.execution import optimized_is_awaitable
from strawberry.federation.schema import FederationAny
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from strawberry.types.scalar import ScalarDefinition, scalar

from schema.client import Client, Timestamp, User, fields_read
from schema.context import Context
from schema.documents import Document, Documents
from schema.failures import Invalid
from schema.limits import Limits
from schema.mutation import Mutation
from schema.problems import HANDLERS
from schema.query import FederatedQuery, Query, load_client
from schema.selection import selected
from schema.source import client_id

MAX_REPRESENTATIONS = 100
"""Entities that one `_entities` field may name."""

_TIMESTAMP: ScalarDefinition = scalar(
    name="DateTime",
    description="An instant in UTC, as RFC 3339 writes it, e.g. 2026-07-01T22:49:27.331Z.",
    serialize=str,
    specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
)


class Graph(federation.Schema):
    """The executable schema of one gateway."""

    def __init__(
        self, *, node_fields: bool = True, introspection: bool = True, limits: Limits | None = None
    ) -> None:
        """Without `node_fields` the graph leaves `node` and `nodes` to another subgraph."""
        super().__init__(
            query=Query if node_fields else FederatedQuery,
            mutation=Mutation,
            types=[User],
            exception_handlers=HANDLERS,
            federation_version="2.9",  # the newest that every composer in use understands
            config=StrawberryConfig(scalar_map={Timestamp: _TIMESTAMP}),
        )
        self.documents = Documents(
            self._schema, introspection=introspection, limits=limits or Limits()
        )
        self._hide_suggestions = not introspection

    async def run(
        self,
        document: Document,
        *,
        variables: dict[str, Any],
        operation_name: str | None,
        context: Context,
    ) -> ExecutionResult:
        """Execute one operation of a document that was understood. Never raises."""
        result = execute(
            self._schema,
            document.node,
            variable_values=variables,
            operation_name=operation_name,
            context_value=context,
            is_awaitable=cast("Any", optimized_is_awaitable),
            executor_class=self.execution_context_class,
            hide_suggestions=self._hide_suggestions,
            operation_extensions={},
        )
        if inspect.isawaitable(result):
            result = await result
        return result

    def entities_resolver(
        self, info: Info, representations: list[FederationAny]
    ) -> list[FederationAny]:
        """One entity per representation, in order; an error or null stays in its own place.

        Overrides Strawberry's, which lets one junk `__typename` null the whole answer and
        changes the caller's variables. All ids are asked for in one tick of the loader.
        """
        if len(representations) > MAX_REPRESENTATIONS:
            raise Invalid(
                f"`representations` may name at most {MAX_REPRESENTATIONS} entities,"
                f" not {len(representations)}."
            )
        loader = info.context.loaders.entities
        fields = fields_read(selected(info))

        def entity(representation: object) -> Any:
            if not isinstance(representation, dict):
                return GraphQLError("A representation must be an object.")
            if representation.get("__typename") != Client.__name__:
                return GraphQLError("A representation must be of an entity of this graph: Client.")
            id = representation.get("id")
            known = client_id(id) if isinstance(id, str) else None
            if known is None:
                return GraphQLError("A Client's representation must carry its `id`, a UUID.")
            return load_client(loader, known, fields)

        return [entity(representation) for representation in representations]
