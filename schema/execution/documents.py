"""Parse and validate documents once, and cache them by text."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
)

from schema.execution.compile import CompiledOperation
from schema.execution.limits import Limits, check_limits, exceeded, limit_error
from schema.execution.lru import WeightedLRU
from schema.execution.messages import redact_values
from schema.execution.sizes import document_size
from schema.execution.validation import ValidationRules, validate

MAX_ERRORS = 10
"""Errors reported for one document; validation stops at this number."""
_SYNTAX = "Syntax Error: "
_TOO_MANY_TOKENS = f"{_SYNTAX}Document contains more than"


@dataclass(frozen=True, slots=True)
class Document:
    """An executable document with its operations by name (None for an anonymous one)."""

    node: DocumentNode
    operations: Mapping[str | None, OperationDefinitionNode]
    size: int
    """Estimated bytes, without its compiled operations."""
    compiled: dict[str | None, CompiledOperation] = field(default_factory=dict, compare=False)
    """The compiled operations by name, added on first use."""

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """Return the operation to execute (GraphQL, 6.1 GetOperation). Raises `GraphQLError`."""
        if name is None:
            if len(self.operations) > 1:
                raise GraphQLError(
                    "The document has several operations: say which with `operationName`."
                )
            return next(iter(self.operations.values()))
        found = self.operations.get(name)
        if found is None:
            raise GraphQLError(f"The document has no operation named '{name}'.")
        return found


@dataclass(frozen=True, slots=True)
class InvalidDocument:
    """A document that cannot be executed, with its errors."""

    errors: tuple[GraphQLError, ...]
    size: int
    """Estimated bytes of the errors and of the nodes that they refer to."""


class DocumentCache:
    """Parses and validates documents against one schema and caches the most recent."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        introspection: bool,
        limits: Limits,
    ) -> None:
        self._rules = ValidationRules(introspection=introspection)
        self._hide_suggestions = not introspection
        self._schema = schema
        self._limits = limits
        self.latest: WeightedLRU[Document | InvalidDocument] = WeightedLRU()

    def get(self, text: str) -> Document | InvalidDocument:
        """Return the document in `text`, or its errors."""
        known = self.latest.find(text)
        if known is None:
            known = self.parse_and_validate(text)
            self.latest.put(text, known, known.size)
        return known

    def grow(self, document: Document, size: int) -> None:
        """Count what was compiled of a cached document, which is forgotten with it."""
        assert document.node.loc is not None  # noqa: S101 - it was parsed
        self.latest.grow(document.node.loc.source.body, document, size)

    def parse_and_validate(self, text: str) -> Document | InvalidDocument:
        """Return the document in `text`, or its errors, without caching."""
        if len(text) > self._limits.characters:
            error = limit_error("document", len(text), "characters", self._limits.characters)
            return InvalidDocument((error,), document_size(text, 0))
        try:
            node = parse(text, max_tokens=self._limits.tokens, allow_empty_selection_sets=False)
        except GraphQLError as error:
            return InvalidDocument((self._parse_error(error),), document_size(text, 0))
        _unlink(node)
        size = document_size(text, node.token_count)
        operations: dict[str | None, OperationDefinitionNode] = {
            definition.name.value if definition.name else None: definition
            for definition in node.definitions
            if isinstance(definition, OperationDefinitionNode)
        }
        errors = self._validate(text, node, operations)
        if errors:
            held = any(error.nodes for error in errors)
            return InvalidDocument(
                tuple(errors[:MAX_ERRORS]), size if held else document_size(text, 0)
            )
        return Document(node, operations, size)

    def _parse_error(self, error: GraphQLError) -> GraphQLError:
        if not error.message.startswith(_TOO_MANY_TOKENS):
            assert error.source is not None  # noqa: S101 - the parser says where
            assert error.positions  # noqa: S101 - the same
            description = redact_values(error.message.removeprefix(_SYNTAX))
            return GraphQLSyntaxError(error.source, next(iter(error.positions)), description)
        return exceeded(f"The document has more than the {self._limits.tokens} tokens")

    def _validate(
        self,
        text: str,
        node: DocumentNode,
        operations: Mapping[str | None, OperationDefinitionNode],
    ) -> list[GraphQLError]:
        """Return the errors of a parsed document; the cheapest checks run first."""
        if not operations:
            return [GraphQLError("The document has no operation to execute.")]
        too_much = check_limits(node, self._limits)
        if too_much is not None:
            return [too_much]
        errors = validate(
            self._schema,
            node,
            self._rules.applicable(text),
            max_errors=MAX_ERRORS,
            hide_suggestions=self._hide_suggestions,
        )
        # An exception of a scalar at a literal is the caller's error, not a bug to be logged.
        return [GraphQLError(redact_values(error.message), error.nodes) for error in errors]


def _unlink(node: DocumentNode) -> None:
    """Unlink the list of tokens, which nothing needs after parsing.

    The list is doubly linked: an evicted document would be garbage that only a full collection
    finds.
    """
    token = None if node.loc is None else node.loc.start_token
    while token is not None:
        token.prev, token.next, token = None, None, token.next
