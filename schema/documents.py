"""Documents understood once: parsed and validated by text, remembered while they are asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphql import (
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
)
from strawberry.schema.schema import validate_document

from schema.limits import Limits, passed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import DocumentNode, GraphQLSchema

MAX_TOKENS = 1_000
"""Lexical tokens in one document."""
MAX_CHARACTERS = 16 * 1024
"""Length of one document's text."""
MAX_ERRORS = 10
"""Errors told about one document."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document that may be executed, with its operations by name (None for a nameless one)."""

    node: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation to execute (GraphQL, 6.1 GetOperation). Raises `GraphQLError`."""
        if name is None:
            if len(self.operations) > 1:
                raise GraphQLError(
                    "The document has several operations: say which with `operationName`."
                )
            return next(iter(self.operations.values()))
        found = self.operations.get(name)
        if found is None:
            raise GraphQLError(f"The document has no operation named {name!r}.")
        return found


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that cannot be executed, and why."""

    errors: tuple[GraphQLError, ...]


class Documents:
    """Understands documents against one schema, remembering the latest `capacity` of them."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        introspection: bool,
        limits: Limits,
        capacity: int = 512,
    ) -> None:
        rules = specified_rules
        self._rules = rules if introspection else (*rules, NoSchemaIntrospectionCustomRule)
        self._schema = schema
        self._limits = limits
        self._capacity = capacity
        self._known: dict[str, Document | Refused] = {}

    def understand(self, text: str) -> Document | Refused:
        """The document in `text`, or what is wrong with it."""
        known = self._known.pop(text, None) or self._read(text)
        self._known[text] = known
        if len(self._known) > self._capacity:
            del self._known[next(iter(self._known))]
        return known

    def _read(self, text: str) -> Document | Refused:
        if len(text) > MAX_CHARACTERS:
            return Refused(
                (
                    GraphQLError(
                        f"The document has {len(text)} characters, and {MAX_CHARACTERS} are"
                        " allowed: ask for less in one request."
                    ),
                )
            )
        try:
            node = parse(text, max_tokens=MAX_TOKENS, allow_empty_selection_sets=False)
        except GraphQLError as error:
            return Refused((error,))
        operations: dict[str | None, OperationDefinitionNode] = {
            definition.name.value if definition.name else None: definition
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        errors = self._wrong(node, operations)
        return Refused(tuple(errors[:MAX_ERRORS])) if errors else Document(node, operations)

    def _wrong(
        self, node: DocumentNode, operations: Mapping[str | None, OperationDefinitionNode]
    ) -> list[GraphQLError]:
        """What keeps a parsed document from being executed; the cheapest checks first."""
        if not operations:
            return [GraphQLError("The document has no operation to execute.")]
        if any(each.operation is OperationType.SUBSCRIPTION for each in operations.values()):
            return [GraphQLError("This graph has no subscriptions.")]
        too_much = passed(node, self._limits)
        if too_much is not None:
            return [too_much]
        return validate_document(self._schema, node, self._rules)
