"""Documents that are valid in plain sight: seen in one walk, without a look for what is wrong.

graphql-core validates by some thirty rules at every node, most of which are about how a document
is wrong. Most never are, and are one operation with fields, aliases, arguments and variables.
Those are known here; a document with anything else in it is left to the rules, which alone
refuse. tests/differential/test_plain.py holds that they would refuse nothing that is plain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from graphql import (
    BooleanValueNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    GraphQLError,
    GraphQLInputType,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    StringValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_input_type,
    is_leaf_type,
    is_list_type,
    is_required_argument,
    type_from_ast,
)
from graphql.utilities import is_type_sub_type_of, validate_input_literal

if TYPE_CHECKING:
    from graphql import (
        DocumentNode,
        GraphQLField,
        GraphQLNamedType,
        GraphQLSchema,
        SelectionSetNode,
        ValueNode,
        VariableDefinitionNode,
    )

_LITERALS = {BooleanValueNode, EnumValueNode, FloatValueNode, IntValueNode, StringValueNode}


def plainly_valid(schema: GraphQLSchema, document: DocumentNode) -> bool:
    """Whether the document is seen to be valid; otherwise it may be, or not."""
    if len(document.definitions) != 1:
        return False
    [operation] = document.definitions
    if not isinstance(operation, OperationDefinitionNode) or operation.directives:
        return False
    type_ = schema.get_root_type(operation.operation)
    walk = _Walk(schema)
    return (
        type_ is not None
        and all(map(walk.defined, operation.variable_definitions or ()))
        and walk.selected(operation.selection_set, type_)
        and walk.all_used
    )


class _Walk:
    """One walk over one operation. Each method says whether what it is given is plainly valid."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._variables: dict[str, GraphQLInputType] = {}
        self._used: set[str] = set()

    @property
    def all_used(self) -> bool:
        """Whether no variable is without use (GraphQL, 5.8.4)."""
        return len(self._used) == len(self._variables)

    def defined(self, definition: VariableDefinitionNode) -> bool:
        """A variable's definition (GraphQL, 5.8.1 and 5.8.2)."""
        name = definition.variable.name.value
        type_ = type_from_ast(self._schema, definition.type)
        if definition.directives or name in self._variables or not is_input_type(type_):
            return False
        self._variables[name] = type_
        default = definition.default_value
        return default is None or self._fits(default, type_)

    def selected(self, chosen: SelectionSetNode, type_: GraphQLNamedType) -> bool:
        """Fields, none of which has to be merged with another (GraphQL, 5.3)."""
        fields = getattr(type_, "fields", {})
        keys = set()
        for node in chosen.selections:
            if type(node) is not FieldNode or node.directives:
                return False
            name = node.name.value
            keys.add(node.alias.value if node.alias else name)
            if name == "__typename":
                if node.arguments or node.selection_set:
                    return False
                continue
            field = fields.get(name)
            if field is None or not self._given(node, field) or not self._below(node, field):
                return False
        return len(keys) == len(chosen.selections)

    def _below(self, node: FieldNode, field: GraphQLField) -> bool:
        type_ = get_named_type(field.type)
        if is_leaf_type(type_):
            return node.selection_set is None
        return node.selection_set is not None and self.selected(node.selection_set, type_)

    def _given(self, node: FieldNode, field: GraphQLField) -> bool:
        """A field's arguments (GraphQL, 5.4)."""
        known = field.args
        given = node.arguments or ()
        names = {argument.name.value for argument in given}
        if len(names) < len(given) or not known.keys() >= names:
            return False
        if any(name not in names and is_required_argument(known[name]) for name in known):
            return False
        return all(self._fits(each.value, known[each.name.value].type) for each in given)

    def _fits(self, value: ValueNode, type_: GraphQLInputType) -> bool:
        """A variable where it is allowed, or a literal of constants (GraphQL, 5.6.1 and 5.8.5)."""
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
        except _Wrong:
            return False
        return True


class _Wrong(Exception):
    """The first thing that is wrong with a literal: others need not be looked for."""


def _refuse(error: GraphQLError, path: list[str | int]) -> NoReturn:
    del path
    raise _Wrong from error
