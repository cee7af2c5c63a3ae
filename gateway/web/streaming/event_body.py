"""The response to one event of a subscription."""

from typing import Any

from gateway.web.protocol.tracing import trace_from
from gateway.web.response import execution_response
from schema.context import Context
from schema.execution.plan import ExecutionPlan
from schema.graph import Graph
from schema.source.errors import ClientError
from schema.source.protocols import ClientSource
from schema.source.request_context import RequestContext
from schema.types.client_change import ClientChange


class EventBodies:
    """Executes subscriptions for events."""

    def __init__(self, graph: Graph, source: ClientSource) -> None:
        self._graph = graph
        self._source = source

    async def __call__(
        self, planned: ExecutionPlan, operation: RequestContext, event: ClientChange | ClientError
    ) -> dict[str, Any]:
        """Return the body for an event, or for the failure in its place, with the receipt."""
        context = Context(self._source, operation)
        result = await self._graph.run_event(planned, context, event)
        return execution_response(result, operation.receipt, trace_from({}).request_id).body
