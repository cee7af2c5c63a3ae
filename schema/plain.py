"""Recognise plain valid documents in one walk, before the general validation.

graphql-core applies some thirty rules to every node, most of them about rare constructs. Most
documents are one operation with fields, aliases, fragments, arguments and variables. This module
recognises those. Every other document goes to graphql-core's rules, which alone reject documents.
tests/differential/test_plain.py checks that the rules accept every document that is plainly valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLInputType,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    StringValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_input_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
    is_required_argument,
    type_from_ast,
)
from graphql.utilities import is_type_sub_type_of, validate_input_literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import (
        DocumentNode,
        GraphQLField,
        GraphQLNamedType,
        GraphQLSchema,
        NamedTypeNode,
        SelectionSetNode,
        ValueNode,
        VariableDefinitionNode,
    )

_LITERALS = {BooleanValueNode, EnumValueNode, FloatValueNode, IntValueNode, StringValueNode}

_MAX_SETS = 150
"""Largest number of selection sets examined: fewer than graphql-core's levels (200)."""


def plainly_valid(schema: GraphQLSchema, document: DocumentNode) -> bool:
    """Return True if the document is valid; False means that it may be valid or not."""
    operations = [each for each in document.definitions if type(each) is OperationDefinitionNode]
    fragments = {
        each.name.value: each
        for each in document.definitions
        if type(each) is FragmentDefinitionNode
    }
    if len(operations) != 1 or len(document.definitions) != 1 + len(fragments):
        return False
    [operation] = operations
    type_ = schema.get_root_type(operation.operation)
    walk = _Walk(schema, fragments)
    return (
        type_ is not None
        and not operation.directives
        and all(map(walk.defined, operation.variable_definitions or ()))
        and walk.selected(operation.selection_set, type_, set())
        and walk.all_used
    )


class _Walk:
    """One walk over one operation. Each method returns True if its argument is plainly valid."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._spread: dict[str, set[str] | None] = {}
        """The response keys of each fragment seen; None while the fragment is being examined."""
        self._variables: dict[str, GraphQLInputType] = {}
        self._used: set[str] = set()
        self._sets = 0

    @property
    def all_used(self) -> bool:
        """Return True if every variable and fragment is used (GraphQL, 5.5.1.4 and 5.8.4)."""
        return len(self._used) == len(self._variables) and len(self._spread) == len(self._fragments)

    def defined(self, definition: VariableDefinitionNode) -> bool:
        """Check a variable's definition (GraphQL, 5.8.1 and 5.8.2)."""
        name = definition.variable.name.value
        type_ = type_from_ast(self._schema, definition.type)
        if definition.directives or name in self._variables or not is_input_type(type_):
            return False
        self._variables[name] = type_
        default = definition.default_value
        return default is None or self._fits(default, type_)

    def selected(self, chosen: SelectionSetNode, type_: GraphQLNamedType, keys: set[str]) -> bool:
        """Check fields whose response keys are not in `keys`: no merge is needed (GraphQL, 5.3.2).

        The response keys found are added to `keys`.
        """
        self._sets += 1
        if self._sets > _MAX_SETS:
            return False
        for node in chosen.selections:
            if node.directives:
                return False
            if type(node) is FieldNode:
                key = (node.alias or node.name).value
                valid = key not in keys and self._field(node, type_)
                keys.add(key)
            elif type(node) is FragmentSpreadNode:
                valid = self._spreads(node, type_, keys)
            else:
                assert isinstance(node, InlineFragmentNode)  # noqa: S101 - there is no other kind
                within = self._narrowed(node.type_condition, type_)
                valid = within is not None and self.selected(node.selection_set, within, keys)
            if not valid:
                return False
        return True

    def _spreads(self, node: FragmentSpreadNode, type_: GraphQLNamedType, keys: set[str]) -> bool:
        """Check a fragment, which is examined where it is spread first (GraphQL, 5.5)."""
        name = node.name.value
        definition = self._fragments.get(name)
        if definition is None or node.arguments or definition.directives:
            return False
        within = self._narrowed(definition.type_condition, type_)
        if within is None or definition.variable_definitions:
            return False
        if name not in self._spread:
            self._spread[name] = None
            own: set[str] = set()
            if not self.selected(definition.selection_set, within, own):
                return False
            self._spread[name] = own
        known = self._spread[name]
        if known is None or not keys.isdisjoint(known):
            return False
        keys |= known
        return True

    def _narrowed(
        self, condition: NamedTypeNode | None, type_: GraphQLNamedType
    ) -> GraphQLNamedType | None:
        """Return a fragment's type: the parent type or one of its possible types; else None."""
        if condition is None or condition.name.value == type_.name:
            return type_
        other = self._schema.get_type(condition.name.value)
        if not is_abstract_type(type_) or not is_object_type(other):
            return None
        return other if self._schema.is_sub_type(type_, other) else None

    def _field(self, node: FieldNode, type_: GraphQLNamedType) -> bool:
        """Check that the type has the field, with its arguments and selections."""
        name = node.name.value
        if name == "__typename":
            return not node.arguments and node.selection_set is None
        field = getattr(type_, "fields", {}).get(name)
        return field is not None and self._given(node, field) and self._below(node, field)

    def _below(self, node: FieldNode, field: GraphQLField) -> bool:
        type_ = get_named_type(field.type)
        if is_leaf_type(type_):
            return node.selection_set is None
        return node.selection_set is not None and self.selected(node.selection_set, type_, set())

    def _given(self, node: FieldNode, field: GraphQLField) -> bool:
        """Check a field's arguments (GraphQL, 5.4)."""
        known = field.args
        given = node.arguments or ()
        names = {argument.name.value for argument in given}
        if len(names) < len(given) or not known.keys() >= names:
            return False
        if any(name not in names and is_required_argument(known[name]) for name in known):
            return False
        return all(self._fits(each.value, known[each.name.value].type) for each in given)

    def _fits(self, value: ValueNode, type_: GraphQLInputType) -> bool:
        """Check a variable's type, or a literal of constants (GraphQL, 5.6.1 and 5.8.5)."""
        if isinstance(value, VariableNode):
            name = value.name.value
            self._used.add(name)
            given = self._variables.get(name)
            return given is not None and is_type_sub_type_of(self._schema, given, type_)
        if isinstance(value, ListValueNode):
            bare = get_nullable_type(type_)
            plain = is_list_type(bare) and all(type(each) in _LITERALS for each in value.values)
        else:
            plain = type(value) in _LITERALS
        if not plain:
            return False
        try:
            validate_input_literal(value, type_, _refuse)
        except _InvalidLiteral:
            return False
        return True


class _InvalidLiteral(Exception):
    """The first error of a literal."""


def _refuse(error: GraphQLError, path: list[str | int]) -> NoReturn:
    del path
    raise _InvalidLiteral from error
