"""Generate the functions that turn records and pages into their part of the response."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLFloat,
    GraphQLInt,
    GraphQLObjectType,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
)

from schema.execution.compiler.arguments import Arguments
from schema.execution.compiler.codegen import (
    EDGES_TEMPLATE,
    OBJECT_TEMPLATE,
    RECORD_TEMPLATE,
    FieldExpression,
    fall_back,
    generate,
)
from schema.execution.compiler.collect_fields import FieldCollector
from schema.execution.compiler.completion import UNCHANGED, Complete, completion
from schema.execution.sizes import FIELD, KEY, OBJECT
from schema.source.records import ClientRecord
from schema.strawberry_internals import field_definition, python_type
from schema.types.client import Client
from schema.types.client_connection import OF_ROW, ClientEdge
from schema.types.client_facets import BY_ARGUMENTS
from schema.types.record_fields import COMPUTED, RecordField

_MAX_MEMOIZED = 1_024
"""Largest number of completed values cached for one enumeration or number field."""
_NUMBERS = (GraphQLFloat, GraphQLInt)
_TEMPLATES: Mapping[type, str] = {Client: RECORD_TEMPLATE, ClientEdge: EDGES_TEMPLATE}
ID = FieldExpression("value if type(value := record.id) is str else unusual()")
"""The record's id, checked like `Client.of` checks it."""
ROW = "{0}(record) if type(record) is ClientRecord else record.encoded({0})"
"""The client of an edge. A source may replace records by rows that keep what was encoded."""


Leaves = dict[tuple[str, str], FieldExpression]
"""The expressions of the leaf fields of a graph, by the names of type and field."""


class Encoders:
    """Generates the encoders of one operation; `leaves` is shared by the graph."""

    def __init__(
        self,
        collector: FieldCollector,
        leaves: Leaves,
        arguments: Callable[[GraphQLField, FieldNode], Arguments],
    ) -> None:
        """Create it; `arguments` compiles those of a field."""
        self._collector = collector
        self._leaves = leaves
        self._arguments = arguments
        self.size = 0
        """Estimated bytes, without what the graph shares."""

    def encoder(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> Complete:
        """Return the function that encodes an object of `type_`, selected by `nodes`.

        A client is given as its record, an edge within the edges of its page.
        """
        kind = python_type(type_)
        template = _TEMPLATES.get(kind, OBJECT_TEMPLATE)
        self.size += OBJECT
        return generate(template, self._expressions(type_, nodes))

    def _expressions(
        self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]
    ) -> Mapping[str, FieldExpression]:
        grouped = self._collector.below(nodes, type_)
        self.size += sum(FIELD + KEY * len(key) for key in grouped)
        return {key: self._expression(type_, same) for key, same in grouped.items()}

    def _expression(self, type_: GraphQLObjectType, nodes: Sequence[FieldNode]) -> FieldExpression:
        name = nodes[0].name.value
        leaf = self._leaves.get((type_.name, name))
        if leaf is not None:
            return leaf
        if name == "__typename":
            leaf = FieldExpression("{0}", (type_.name,))
        else:
            field = type_.fields[name]
            below = get_named_type(field.type)
            if not is_leaf_type(below):
                return self._object(type_, field, below, nodes)
            leaf = _field(type_, field, completion(field.type))
        self._leaves[type_.name, name] = leaf
        return leaf

    def _object(
        self,
        type_: GraphQLObjectType,
        field: GraphQLField,
        below: GraphQLObjectType,
        nodes: Sequence[FieldNode],
    ) -> FieldExpression:
        if python_type(below) is Client:  # of an edge
            return FieldExpression(ROW, (self.encoder(below, nodes),))
        encode = self.encoder(below, nodes)
        by_arguments = field_definition(field).metadata.get(BY_ARGUMENTS)
        if by_arguments is not None:
            load = _with_arguments(by_arguments, self._arguments(field, nodes[0]))
            return FieldExpression("{0}({1}(value))", (completion(field.type, encode), load))
        is_list = python_type(below) is ClientEdge
        return _field(type_, field, encode if is_list else completion(field.type, encode))


def _with_arguments(compute: Complete, arguments: Arguments) -> Complete:
    """Return the function of an object that knows the variables of its operation."""
    return lambda value: compute(value, **arguments(value.variables))


def _field(type_: GraphQLObjectType, field: GraphQLField, complete: Complete) -> FieldExpression:
    definition = field_definition(field)
    metadata = definition.metadata
    if RecordField in metadata:
        return _record_field(metadata[RecordField], field, complete)
    if OF_ROW in metadata:
        return FieldExpression("{0}(edges, place)", (metadata[OF_ROW],))
    if COMPUTED in metadata:
        return FieldExpression("{0}({1}(value))", (complete, metadata[COMPUTED]))
    if python_type(type_) is Client:
        return ID
    return FieldExpression(f"{{0}}(value.{definition.python_name})", (complete,))


def _record_field(
    record_field: RecordField, field: GraphQLField, complete: Complete
) -> FieldExpression:
    general = _complete_record(record_field, complete)
    read, (attribute, *more) = record_field.read, record_field.fields
    bare = get_nullable_type(field.type)
    plain = UNCHANGED.get(bare)
    value = f"(value := record.{attribute})"
    if not more and read is None and plain is not None:
        sound = f"type{value} is {plain.__name__} or value is None"
        return FieldExpression(f"value if {sound} else {{0}}(record)", (general,))
    if not more and (isinstance(bare, GraphQLEnumType) or bare in _NUMBERS):
        memoized = _MemoizedValues(read, complete)
        return FieldExpression(
            f"{{0}}[value] if {value} is not unset else {{1}}(record)", (memoized, general)
        )
    values = [f"value{number}" for number in range(len(record_field.fields))]
    sound = " and ".join(
        f"({value} := record.{name}) is not unset"
        for value, name in zip(values, record_field.fields, strict=True)
    )
    known = f"{{0}}({', '.join(values)}) if {sound} else {{1}}(record)"
    return FieldExpression(known, (_complete_values(read, complete, len(values)), general))


def _complete_values(read: Complete | None, complete: Complete, count: int) -> Complete:
    """Return the completion of a field from `count` values of which each is there, or null."""
    if read is None:
        return complete
    if count == 1:
        return lambda value: complete(None if value is None else read(value))

    def complete_values(*values: Any) -> Any:
        return complete(None if values.count(None) == len(values) else read(*values))

    return complete_values


def _complete_record(record_field: RecordField, complete: Complete) -> Complete:
    """Return the completion of a field from its record, which must have all that it is made of."""
    show, reads = record_field.show, record_field.reads
    several = len(reads) > 1

    def complete_record(record: ClientRecord) -> Any:
        shown = complete(show(record))
        if (several or shown is None) and record.is_missing(reads):
            fall_back()
        return shown

    return complete_record


class _MemoizedValues(dict[Any, Any]):
    """The completed values of one field by their raw values."""

    def __init__(self, read: Complete | None, complete: Complete) -> None:
        super().__init__({None: None})
        self._read = read
        self._complete = complete

    def __missing__(self, value: Any) -> Any:
        completed = self._complete(value if self._read is None else self._read(value))
        if len(self) < _MAX_MEMOIZED and value:  # 0 and -0.0 are equal keys with different results
            self[value] = completed
        return completed
