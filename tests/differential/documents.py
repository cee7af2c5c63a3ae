"""Documents written at random from the schema itself: whatever may be selected, in any way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    get_named_type,
    is_abstract_type,
    is_composite_type,
)

from tests.differential.values import IDS, given

if TYPE_CHECKING:
    from random import Random

    from graphql import GraphQLNamedType, GraphQLSchema

ROOTS = ("client", "clients", "node", "nodes", "_entities", "__typename")
WRITES = ("createClient", "updateClient", "deleteClient", "__typename")
DEPTH = 5


@dataclass
class Written:
    """A document, and the types of its variables with values that may fit them."""

    text: str
    variables: dict[str, str]


@dataclass
class Writer:
    """Writes one document."""

    schema: GraphQLSchema
    chance: Random
    variables: dict[str, str] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    keys: int = 0

    def document(self) -> Written:
        writes = self.chance.random() < 0.25
        kind, names = ("mutation", WRITES) if writes else ("query", ROOTS)
        root = self.schema.mutation_type if writes else self.schema.query_type
        assert root is not None
        weights = [4] * (len(names) - 1) + [1]
        chosen = self.chance.choices(names, weights, k=self.chance.choice([1, 1, 2, 3]))
        fields = " ".join(self.root(root, name) for name in chosen)
        if not writes and self.chance.random() < 0.2:
            fields = self.wrapped("Query", fields)
        head = ", ".join(f"${name}: {type_}" for name, type_ in self.variables.items())
        body = f"{kind} Q{f'({head})' if head else ''} {{ {fields} }}"
        types = {name: type_.split(" =")[0] for name, type_ in self.variables.items()}
        return Written("\n".join([body, *self.fragments.values()]), types)

    def field_arguments(self, type_: GraphQLNamedType, name: str) -> str:
        """The arguments of a field that is no root field."""
        if (type_.name, name) != ("ClientFacets", "tags") or self.chance.random() < 0.3:
            return ""
        return f"(first: {self.value('Int')})"

    def root(self, type_: GraphQLObjectType, name: str) -> str:
        if name == "__typename":
            return f"{self.alias(always=True)}{name}{self.condition()}"
        below = self.selection(get_named_type(type_.fields[name].type), 1)
        return f"{self.alias(always=True)}{name}{self.arguments(name)}{self.condition()} {below}"

    def arguments(self, name: str) -> str:
        chance = self.chance
        if name in {"client", "node"}:
            return f"(id: {self.value('ID!')})"
        if name == "nodes":
            return f"(ids: {self.value('[ID!]!')})"
        if name == "_entities":
            return f"(representations: {self.value('[_Any!]!')})"
        if name == "clients":
            types = {"first": "Int", "last": "Int", "offset": "Int", "after": "String"}
            types |= {"search": "String", "searchIn": "[ClientSearchField!]"}
            picked = {key: types[key] for key in types if chance.random() < 0.2}
            inputs = {"filter": "ClientFilter", "orderBy": "[ClientOrder!]"}
            picked |= {key: inputs[key] for key in inputs if chance.random() < 0.3}
            inner = ", ".join(f"{key}: {self.value(type_)}" for key, type_ in picked.items())
            return f"({inner})" if inner else ""
        return f"(input: {self.value(f'{name[0].upper()}{name[1:]}Input!')})"

    def value(self, type_: str) -> str:
        """A variable of the type, or a literal."""
        if self.chance.random() < 0.5:
            known = [name for name, other in self.variables.items() if other == type_]
            if known and self.chance.random() < 0.3:
                return f"${self.chance.choice(known)}"
            name = f"v{len(self.variables)}"
            self.variables[name] = type_
            return f"${name}"
        return _literal(given(type_, self.chance, literal=True))

    def selection(self, type_: GraphQLNamedType, depth: int) -> str:
        parts = [self.part(type_, depth) for _ in range(self.chance.choice([1, 2, 3, 5, 8]))]
        return f"{{ {' '.join(parts)} }}"

    def part(self, type_: GraphQLNamedType, depth: int) -> str:
        roll = self.chance.random()
        if roll < 0.1:
            return f"{self.alias()}__typename{self.condition()}"
        if roll < 0.25 and depth < DEPTH:
            return self.wrapped(type_.name, self.part(type_, depth + 1))
        if roll < 0.33 and depth < DEPTH:
            return self.spread(type_, depth)
        if is_abstract_type(type_) and (roll < 0.8 or not hasattr(type_, "fields")):
            inside = self.chance.choice(list(self.schema.get_possible_types(type_)))
            return f"... on {inside.name}{self.condition()} {self.selection(inside, depth + 1)}"
        assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        name = self.chance.choice(list(type_.fields))
        below = get_named_type(type_.fields[name].type)
        inner = f" {self.selection(below, depth + 1)}" if is_composite_type(below) else ""
        given = self.field_arguments(type_, name)
        return f"{self.alias()}{name}{given}{self.condition()}{inner}"

    def wrapped(self, name: str, fields: str) -> str:
        on = f" on {name}" if self.chance.random() < 0.5 else ""
        return f"...{on}{self.condition()} {{ {fields} }}"

    def spread(self, type_: GraphQLNamedType, depth: int) -> str:
        on = [name for name, text in self.fragments.items() if f" on {type_.name} " in text]
        if on and self.chance.random() < 0.3:
            return f"...{self.chance.choice(on)}{self.condition()}"
        name = f"F{len(self.fragments)}"
        self.fragments[name] = f"fragment {name} on Nothing {{ id }}"
        below = self.selection(type_, depth + 1)
        self.fragments[name] = f"fragment {name} on {type_.name} {below}"
        return f"...{name}{self.condition()}"

    def alias(self, *, always: bool = False) -> str:
        if not always and self.chance.random() < 0.85:
            return ""
        self.keys += 1
        return f"k{self.keys}: "

    def condition(self) -> str:
        if self.chance.random() < 0.9:
            return ""
        directive = self.chance.choice(["skip", "include"])
        if self.chance.random() < 0.4:
            value = self.chance.choice(["true", "false"])
        else:
            name = self.chance.choice(["yes", "no", "maybe"])
            self.variables[name] = "Boolean = true" if name == "maybe" else "Boolean!"
            value = f"${name}"
        return f" @{directive}(if: {value})"


def _literal(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    if isinstance(value, str) and value.startswith("ENUM:"):
        return value.removeprefix("ENUM:")
    return f'"{value}"' if isinstance(value, str) else str(value)


__all__ = ["IDS", "Writer", "Written"]
