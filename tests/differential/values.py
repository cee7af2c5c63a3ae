"""Values at random: what callers give, and what an API may answer, sense and nonsense."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from schema.source.records import FIELDS, ClientRecord
from schema.source.search import Question, SortKey
from schema.types.cursors import Cursor, sorted_cursor

if TYPE_CHECKING:
    from random import Random

IDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(6)]

_TEXTS = ["Ada", "", "ü\u2028\x00", "12", 7, True, ["x"], {"a": 1}]
_USUAL: dict[str, list[Any]] = {
    "client_type": ["buyer", "seller", "both", "landlord", "", 5],
    "status": ["active", "inactive", "closed", "asleep", 5],
    "budget_min": [0, 250_000, 1.5, "12.50", "many", math.inf, 2**70, True],
    "budget_max": [1, 3.25, math.nan, "1e400", ""],
    "pre_approval_amount": [2**53, -1.0, "7"],
    "preferred_locations": [(), ("Fresno",), ("Fresno", 5), ["a", None], "Fresno", 5],
    "tags": [("hot",), (), ("a", "b", "c")],
    "property_preferences": [
        {},
        {"bedrooms_min": 2, "bathrooms_min": 1.5, "property_types": ["condo"]},
        {"bedrooms_min": "two"},
        {"bedrooms_min": True},
        {"square_feet_min": math.inf, "property_types": [1]},
        {"property_types": "condo", "more": 1},
    ],
    "pre_approved": [True, False, 1, "yes", math.nan],
    "version": [1, 2**31 - 1, 2**31, "3", 1.0, 1.5],
    "created_at": ["2026-07-01T22:49:27.331Z", "yesterday", "2026-07-01"],
    "updated_at": ["2026-07-01T22:49:27.331Z", ""],
    "user_id": [IDS[0], "", 7],
}


def record(chance: Random, id: str, *, complete: bool = False) -> ClientRecord:
    """A client as an API may tell it; mostly sound, as otherwise nothing sound is compared."""
    strange = chance.choice([0.0, 0.0, 0.02, 0.2])
    absent = 0.0 if complete else chance.choice([0.0, 0.0, 0.0, 0.1, 0.5])
    fields: dict[str, Any] = {}
    malformed = set()
    for name in sorted(FIELDS - {"id"}):
        roll = chance.random()
        usual = _USUAL.get(name, _TEXTS)
        if roll < absent:
            fields[name] = UNSET
        elif roll < absent + strange / 2:
            fields[name] = UNSET
            malformed.add(name)
        elif roll < absent + strange / 2 + 0.15:
            fields[name] = None
        else:
            fields[name] = chance.choice(usual) if chance.random() < strange else usual[0]
    return ClientRecord(id=id, **fields, malformed=frozenset(malformed), complete=complete)


def given(type_: str, chance: Random, *, literal: bool = False) -> Any:
    """A value for a variable or argument of a type; one in ten fits it badly."""
    bare = type_.rstrip("!")
    if not literal and chance.random() < 0.1:
        return chance.choice([None, 5, "x", [], {"a": 1}, True, [None], 2**31])
    if bare == "[ID!]":
        count = chance.choice([0, 1, 3, 5, 101]) if chance.random() < 0.2 else 3
        return [chance.choice([*IDS, "junk"]) for _ in range(count)]
    if bare == "[_Any!]":
        return [_representation(chance) for _ in range(chance.choice([0, 1, 3]))]
    if bare in {"[ClientSearchField!]", "[ClientOrder!]"}:
        inner = bare[1:-2]
        return [_input(inner, chance, literal=literal) for _ in range(chance.choice([0, 1, 1, 2]))]
    scalars: dict[str, list[Any]] = {
        "ID": [*IDS, *IDS, IDS[0].upper(), "7", ""],
        "Int": [0, 1, 2, 5, 100, 101, -1],
        "String": [str(Cursor(chance.randrange(4), IDS[0])), "no cursor", "", _sorted(chance)],
        "Boolean": [True, False],
    }
    if bare in scalars:
        return chance.choice(scalars[bare])
    return _input(bare, chance, literal=literal)


def _sorted(chance: Random) -> str:
    """A cursor of a list sorted by one key."""
    by, down = chance.choice(["last_name", "budget_min"]), chance.random() < 0.5
    question = Question(order=(SortKey(by, descending=down),))
    return sorted_cursor(question.fingerprint, IDS[1], ("Ada" if by == "last_name" else 5.0,))


def _representation(chance: Random) -> Any:
    known = {"__typename": "Client", "id": chance.choice(IDS)}
    return chance.choice([known, known, known, {**known, "__typename": "User"}, {"id": "7"}])


def _filter(chance: Random, enum: str, depth: int = 0) -> dict[str, Any]:
    """A filter, perhaps of filters."""
    types = [f"{enum}{name}" for name in ("BUYER", "SELLER", "BOTH", "UNKNOWN")]
    states = [f"{enum}{name}" for name in ("ACTIVE", "CLOSED", "UNKNOWN")]
    fields: dict[str, Any] = {
        "clientType": chance.choice(types),
        "status": chance.choice(states),
        "clientTypeIn": chance.sample(types, 2),
        "statusIn": chance.sample(states, chance.randrange(3)),
        "ids": [chance.choice([*IDS, "junk"])],
        "source": ["Ada"],
        "tagsAny": ["hot"],
        "tagsAll": [],
        "locationsAny": ["Fresno"],
        "preApproved": chance.choice([True, False, None]),
        "hasEmail": True,
        "hasPhone": False,
        "budget": chance.choice([{"min": 1}, {"min": 5, "max": 1.5}, {}, {"max": None}]),
        "preApprovalAmount": {"max": 2**60},
        "createdAt": {"from": chance.choice(["2026-07-01T22:49:27Z", "yesterday"])},
        "updatedAt": {"from": "2026-07-01T22:49:27.5Z", "until": "2026-07-01T22:49:27Z"},
    }
    if depth < 2:
        fields |= {
            "not": _filter(chance, enum, depth + 1),
            "and": [_filter(chance, enum, depth + 1)],
            "or": [_filter(chance, enum, depth + 1) for _ in range(chance.randrange(3))],
        }
    names = chance.sample(sorted(fields), chance.choice([0, 1, 1, 2]))
    return {name: fields[name] for name in names}


def _input(name: str, chance: Random, *, literal: bool) -> Any:
    enum = "ENUM:" if literal else ""
    if name == "ClientFilter" and chance.random() < 0.6:
        return _filter(chance, enum)
    if name == "ClientSearchField":
        return enum + chance.choice(["NAME", "NOTES", "TAGS"])
    if name == "ClientOrder":
        by = chance.choice(["LAST_NAME", "BUDGET_MIN", "CREATED_AT", "RELEVANCE"])
        down = {"direction": f"{enum}DESC"} if chance.random() < 0.5 else {}
        return {"field": enum + by} | down
    client_type = enum + chance.choice(["BUYER", "SELLER", "BOTH", "UNKNOWN"])
    status = enum + chance.choice(["ACTIVE", "CLOSED", "UNKNOWN"])
    inputs: dict[str, dict[str, Any]] = {
        "ClientFilter": {"clientType": client_type, "status": status},
        "CreateClientInput": {
            "firstName": chance.choice(["Ada", " "]),
            "lastName": "L",
            "clientType": client_type,
            "email": chance.choice(["a@b.cd", "nowhere", None]),
        },
        "UpdateClientInput": {
            "id": chance.choice([*IDS, "7"]),
            "phone": chance.choice(["+1 5", "none", None]),
            "status": status,
            "expectedVersion": chance.choice([1, 0, None]),
        },
        "DeleteClientInput": {"id": chance.choice([*IDS, "7"])},
    }
    fields = inputs[name]
    needed = {"firstName", "lastName", "clientType", "id"} if name != "ClientFilter" else set()
    return {key: value for key, value in fields.items() if key in needed or chance.random() < 0.6}
