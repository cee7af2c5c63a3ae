"""Map the arguments of each root field to a request to the source."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from graphql import GraphQLError
from strawberry import UNSET

from schema.source.cost import EntitiesRequest, Kind, ListRequest
from schema.source.errors import InvalidInput
from schema.source.records import ClientId, Fields, Window, client_id
from schema.source.request_context import Priority
from schema.source.search import Criteria, Question, SearchRequest
from schema.types.client import Client, required_record_fields
from schema.types.client_facets import FACET_FIELDS
from schema.types.client_filter import (
    ClientFilterInput,
    criteria_of,
    is_plain,
    narrowed,
    plain_filter,
)
from schema.types.client_order import (
    ClientOrderInput,
    ClientSearchField,
    search_terms,
    searched_parts,
    sort_keys,
)
from schema.types.page_arguments import window_for

_INTERACTIVE = Priority.INTERACTIVE  # looking up a member of an enumeration is slow
MAX_NODES = 100
"""Largest number of ids in one `nodes` field."""
MAX_REPRESENTATIONS = 100
"""Largest number of entities in one `_entities` field."""
_NO_ID = "`id` is not a client's id: it must be a UUID."


class EntityLookup(msgspec.Struct, frozen=True):
    """Clients by id, one for each slot; a slot without an id holds its result already."""

    slots: tuple[ClientId | GraphQLError | None, ...]
    fields: Fields
    priority: Priority
    many: bool
    """Whether the value is a list, or the value of the only slot."""
    has_errors: bool = False
    """Whether a slot holds an error."""

    @property
    def need(self) -> EntitiesRequest:
        """Return the request for the clients, each once."""
        ids = dict.fromkeys(slot for slot in self.slots if isinstance(slot, str))
        return EntitiesRequest(tuple(ids), self.fields, self.priority)


class ChangesRequest(msgspec.Struct, frozen=True):
    """The changes that a subscription delivers: of one client, or of those that meet `criteria`."""

    fields: Fields
    """The record fields that an event needs."""
    criteria: Criteria = Criteria()
    id: ClientId | None = None
    initial: bool = False
    """Whether the first event is the client as it is."""


RootRequest = EntityLookup | ListRequest | ChangesRequest
Look = Callable[..., frozenset[str]]
"""Returns the graph names of the fields selected below a path of field names."""


def client(look: Look, *, id: str) -> EntityLookup:
    """Return the lookup of `Query.client`. Raises `InvalidInput` for an invalid id."""
    known = client_id(id)
    if known is None:
        raise InvalidInput(_NO_ID)
    return EntityLookup((known,), required_record_fields(look()), _INTERACTIVE, many=False)


def node(look: Look, *, id: str) -> EntityLookup:
    """Return the lookup of `Query.node`: an id of no client finds nothing."""
    return EntityLookup((client_id(id),), required_record_fields(look()), _INTERACTIVE, many=False)


def nodes(look: Look, *, ids: Sequence[str]) -> EntityLookup:
    """Return the lookup of `Query.nodes`. Raises `InvalidInput` for too many ids."""
    if len(ids) > MAX_NODES:
        raise InvalidInput(f"`ids` may name at most {MAX_NODES} things, not {len(ids)}.")
    slots = tuple(map(client_id, ids))
    return EntityLookup(slots, required_record_fields(look()), _INTERACTIVE, many=True)


def entities(look: Look, *, representations: Sequence[object]) -> EntityLookup:
    """Return the lookup of `Query._entities`, one slot for each representation.

    Raises `InvalidInput` for too many representations.
    """
    if len(representations) > MAX_REPRESENTATIONS:
        raise InvalidInput(
            f"`representations` may name at most {MAX_REPRESENTATIONS} entities,"
            f" not {len(representations)}."
        )
    slots = tuple(map(_slot_of, representations))
    fields = required_record_fields(look())
    errors = not all(isinstance(slot, str) for slot in slots)
    return EntityLookup(slots, fields, Priority.ENTITIES, many=True, has_errors=errors)


def _slot_of(representation: object) -> ClientId | GraphQLError:
    if not isinstance(representation, dict):
        return _invalid_representation("A representation must be an object.")
    if representation.get("__typename") != Client.__name__:
        return _invalid_representation(
            "A representation must be of an entity of this graph: Client."
        )
    id = representation.get("id")
    known = client_id(id) if isinstance(id, str) else None
    return known or _invalid_representation(
        "A Client's representation must carry its `id`, a UUID."
    )


def _invalid_representation(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": InvalidInput.code})


def clients(  # noqa: PLR0913 - Relay's arguments
    look: Look,
    *,
    filter: ClientFilterInput | None = UNSET,
    search: str | None = UNSET,
    search_in: list[ClientSearchField] | None = UNSET,
    order_by: list[ClientOrderInput] | None = UNSET,
    first: int | None = UNSET,
    after: str | None = UNSET,
    last: int | None = UNSET,
    before: str | None = UNSET,
    offset: int | None = UNSET,
) -> ListRequest:
    """Return the request of `Query.clients`; a count alone needs no rows. Raises `InvalidInput`."""
    given, shown = _given(filter), look()
    question = _question(_given(search), _given(search_in), _given(order_by))
    ends = _given(first), _given(after), _given(last), _given(before)
    window = window_for(*ends, _given(offset), question)
    if "edges" not in shown and "pageInfo" not in shown:
        window = Window(0, 0)
    fields = required_record_fields(look("edges", "node"))
    if question == Question() and is_plain(given) and "facets" not in shown:
        return ListRequest(plain_filter(given), window, fields)
    question = replace(question, criteria=criteria_of(given))
    return SearchRequest(
        narrowed(question.criteria),
        window,
        fields,
        question,
        question.fields.union(*(FACET_FIELDS.get(name, ()) for name in look("facets"))),
    )


def client_changed(look: Look, *, id: str, initial: bool = False) -> ChangesRequest:
    """Return the request of `Subscription.clientChanged`. Raises `InvalidInput`."""
    known = client_id(id)
    if known is None:
        raise InvalidInput(_NO_ID)
    return ChangesRequest(required_record_fields(look("client")), id=known, initial=initial)


def clients_changed(look: Look, *, filter: ClientFilterInput | None = UNSET) -> ChangesRequest:
    """Return the request of `Subscription.clientsChanged`. Raises `InvalidInput`."""
    criteria = criteria_of(_given(filter))
    return ChangesRequest(required_record_fields(look("client")) | criteria.fields, criteria)


def _question(
    search: str | None,
    search_in: list[ClientSearchField] | None,
    order_by: list[ClientOrderInput] | None,
) -> Question:
    """Return what is searched and how it is sorted, without the filter."""
    terms = "" if search is None else search_terms(search)
    keys = sort_keys(order_by or [], searched=bool(terms))
    within = None if search_in is None or not terms else searched_parts(search_in)
    return Question(search=terms, within=within, order=keys)


def _given(value: Any) -> Any:
    return None if value is UNSET else value


WRITE_REQUESTS: Mapping[str, Kind] = {
    "createClient": "create",
    "updateClient": "update",
    "deleteClient": "delete",
}
"""The kind of write of each root field of a mutation."""

ROOT_FIELDS: Mapping[str, Callable[..., RootRequest]] = {
    "client": client,
    "clients": clients,
    "node": node,
    "nodes": nodes,
    "_entities": entities,
    "clientChanged": client_changed,
    "clientsChanged": clients_changed,
}
"""The function that builds the request of each root field without a write, by its graph name."""
