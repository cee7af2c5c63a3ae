"""Limit the size of one document, measured on its syntax before validation."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
)

_INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one document; the first four hold for each of its operations."""

    depth: int = 8
    """Levels of fields, fragments spread out; the levels of introspection are not counted."""
    aliases: int = 15
    directives: int = 10
    root_fields: int = 10
    tokens: int = 1_000
    """Lexical tokens in the document."""
    characters: int = 16 * 1024
    """Length of the document's text."""
    selections: int = 2_000
    """Fields and fragments over all operations, fragments spread out."""
    repeats: int = 2_000
    """Pairs of fields with one response key, which validation has to compare."""


@dataclass(slots=True)
class _Measure:
    """The size of a selection set, fragments spread out."""

    root_fields: int = 0
    depth: int = 0
    aliases: int = 0
    directives: int = 0
    selections: int = 0


class _InvalidFragments(Exception):
    """A fragment spreads itself, or is spread by no operation (GraphQL, 5.5.1.4 and 5.5.2.2)."""


class _Fragments:
    """Measures selection sets; each fragment is measured once, however often it is spread."""

    def __init__(self, document: DocumentNode) -> None:
        self._definitions = {
            node.name.value: node
            for node in document.definitions
            if isinstance(node, FragmentDefinitionNode)
        }
        self._measured: dict[str, _Measure | None] = {}

    def measure(self, chosen: SelectionSetNode | None) -> _Measure:
        """Return the size of a selection set. Raises `_InvalidFragments`."""
        total = _Measure()
        for node in (chosen.selections if chosen else None) or ():
            total.selections += 1
            total.directives += len(node.directives or ())
            if isinstance(node, FieldNode):
                inner = self.measure(node.selection_set)
                total.root_fields += 1
                total.aliases += node.alias is not None
                introspects = node.name.value in _INTROSPECTION
                total.depth = max(total.depth, 1 + (0 if introspects else inner.depth))
            else:
                if isinstance(node, FragmentSpreadNode):
                    inner = self._spread(node.name.value)
                else:
                    inner = self.measure(node.selection_set)  # type: ignore[attr-defined]
                total.root_fields += inner.root_fields
                total.depth = max(total.depth, inner.depth)
            total.aliases += inner.aliases
            total.directives += inner.directives
            total.selections += inner.selections
        return total

    def _spread(self, name: str) -> _Measure:
        if name not in self._measured:
            self._measured[name] = None  # being measured
            definition = self._definitions.get(name)
            found = _Measure() if definition is None else self.measure(definition.selection_set)
            if definition is not None:
                found.directives += len(definition.directives or ())
            self._measured[name] = found
        known = self._measured[name]
        if known is None:
            raise _InvalidFragments(f"Cannot spread fragment '{name}' within itself.")
        return known

    def check_all_used(self) -> None:
        """Raise `_InvalidFragments` if a fragment was not measured.

        It is called after all operations were measured.
        """
        for name in self._definitions:
            if name not in self._measured:
                raise _InvalidFragments(f"Fragment '{name}' is never used.")

    def fields(self, sets: Sequence[SelectionSetNode | None]) -> Iterator[FieldNode]:
        """Yield the fields of selection sets that are merged, fragments spread out."""
        for chosen in sets:
            for node in (chosen.selections if chosen else None) or ():
                if isinstance(node, FieldNode):
                    yield node
                elif isinstance(node, FragmentSpreadNode):
                    definition = self._definitions.get(node.name.value)
                    if definition is not None:
                        yield from self.fields([definition.selection_set])
                else:
                    yield from self.fields([node.selection_set])  # type: ignore[attr-defined]

    def repeats(self, sets: Sequence[SelectionSetNode | None]) -> int:
        """Return the number of field pairs that must be mergeable (GraphQL, 5.3.2), at every level.

        Validation compares each pair, so this number is its cost.
        """
        named: dict[str, list[SelectionSetNode | None]] = {}
        for field in self.fields(sets):
            named.setdefault((field.alias or field.name).value, []).append(field.selection_set)
        return sum(
            len(below) * (len(below) - 1) // 2 + self.repeats(below) for below in named.values()
        )


def check_limits(document: DocumentNode, limits: Limits) -> GraphQLError | None:
    """Return the error for the first limit that the document exceeds, None if it exceeds none."""
    operations = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    fragments = _Fragments(document)
    selections = 0
    try:
        for node in operations:
            found = fragments.measure(node.selection_set)
            found.directives += _operation_directives(node)
            error = _first_exceeded(found, limits)
            if error is not None:
                return error
            selections += found.selections
        fragments.check_all_used()
    except _InvalidFragments as misused:
        return GraphQLError(str(misused))
    if selections > limits.selections:
        return limit_error(
            "document", selections, "selections, fragments spread out", limits.selections
        )
    for node in operations:
        repeats = fragments.repeats([node.selection_set])
        if repeats > limits.repeats:
            return limit_error("operation", repeats, "pairs of repeated fields", limits.repeats)
    return None


def _first_exceeded(found: _Measure, limits: Limits) -> GraphQLError | None:
    for number, what, allowed in (
        (found.root_fields, "root fields", limits.root_fields),
        (found.depth, "levels of fields", limits.depth),
        (found.aliases, "aliases", limits.aliases),
        (found.directives, "directives", limits.directives),
    ):
        if number > allowed:
            return limit_error("operation", number, what, allowed)
    return None


def _operation_directives(node: OperationDefinitionNode) -> int:
    """Count the directives on the operation itself and on its variables."""
    variables = node.variable_definitions or ()
    return len(node.directives or ()) + sum(len(each.directives or ()) for each in variables)


def limit_error(whose: str, number: int, what: str, allowed: int) -> GraphQLError:
    """Return the error that names an exceeded limit and by how much it was exceeded."""
    return exceeded(f"The {whose} has {number} {what}, {number - allowed} more than the {allowed}")


def exceeded(what: str) -> GraphQLError:
    """Return the error for an exceeded limit."""
    return GraphQLError(
        f"{what} allowed: ask for less in one request.", extensions={"code": "LIMIT_EXCEEDED"}
    )
