"""Searches by chance: what a person may type, pick and sort by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.search.office import PLACES, TAGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

SEARCHES = [
    "ana", "AN", "avi", "Ávila", "lukasz", "ana torres", "torres ana", '"de la cr', '"la cruz"',
    "o'neil", "neil", "661", "(661) 555", "6615550123", "0123", "٠١٢٣", "@example", "example.com",
    "hot", "first-time", "time", "cash b", "山田", "太郎", "strasse", "ore", "ince", "jean luc",
    "zzz", "", "  ", "-", "&", "quiet", "a", '"', "\uff15\uff15\uff15", "+1 661", "555-01",
]  # fmt: skip
ORDERS = [
    "FIRST_NAME", "LAST_NAME", "FULL_NAME", "EMAIL", "CLIENT_TYPE", "STATUS", "SOURCE",
    "BUDGET_MIN", "BUDGET_MAX", "PRE_APPROVAL_AMOUNT", "CREATED_AT", "UPDATED_AT",
]  # fmt: skip
TIMES = ["2026-07-01T22:49:27.330Z", "2026-07-01T22:49:27Z", "2026-07-02T00:49:27.331+02:00"]
NUMBERS = [0, 1, 250_000, 250_000.5, 300_000, 1e300, -1]


def question(chance: Random, ids: list[str]) -> dict[str, Any]:
    """The variables of a search."""
    given: dict[str, Any] = {}
    if chance.random() < 0.5:
        given["search"] = chance.choice(SEARCHES)
    if chance.random() < 0.2:
        parts = ["NAME", "EMAIL", "PHONE", "TAGS", "NOTES"]
        given["searchIn"] = chance.sample(parts, chance.randrange(1, 4))
    if chance.random() < 0.6:
        given["filter"] = filtered(chance, ids, 0)
    if chance.random() < 0.7:
        fields = chance.sample(ORDERS, chance.choice([1, 1, 2, 3]))
        given["orderBy"] = [
            {"field": field} | ({"direction": "DESC"} if chance.random() < 0.5 else {})
            for field in fields
        ]
    # Without any of these it would be a page of the API's list, as before.
    given.setdefault("filter", {}).setdefault("tagsAll", [])
    return given


def filtered(chance: Random, ids: list[str], depth: int) -> dict[str, Any]:
    """A filter, perhaps of filters."""
    types, states = ["BUYER", "SELLER", "BOTH"], ["ACTIVE", "INACTIVE", "CLOSED"]
    low, high = sorted(chance.choices(NUMBERS, k=2))
    some: dict[str, Callable[[], Any]] = {
        "clientType": lambda: chance.choice(types),
        "status": lambda: chance.choice(states),
        "clientTypeIn": lambda: chance.sample(types, chance.randrange(3)),
        "statusIn": lambda: chance.sample(states, chance.randrange(3)),
        "ids": lambda: chance.sample(ids, min(len(ids), chance.randrange(4))),
        "source": lambda: chance.sample(["Zillow", "zillow", "Referral"], chance.randrange(3)),
        "tagsAny": lambda: chance.sample(TAGS, chance.randrange(3)),
        "tagsAll": lambda: chance.sample(TAGS, chance.randrange(3)),
        "locationsAny": lambda: chance.sample(PLACES, chance.randrange(3)),
        "preApproved": lambda: chance.random() < 0.5,
        "hasEmail": lambda: chance.random() < 0.5,
        "hasPhone": lambda: chance.random() < 0.5,
        "budget": lambda: chance.choice(
            [{"min": low}, {"max": high}, {"min": low, "max": high}, {}]
        ),
        "preApprovalAmount": lambda: chance.choice([{"min": low, "max": high}, {"max": None}]),
        "createdAt": lambda: chance.choice([{"from": TIMES[0]}, {"until": TIMES[1]}, {}]),
        "updatedAt": lambda: {"from": TIMES[1], "until": TIMES[2]},
    }
    names = chance.sample(sorted(some), chance.choice([1, 1, 2]))
    found = {name: some[name]() for name in names}
    if depth < 2 and chance.random() < 0.3:
        name = chance.choice(["and", "or", "not"])
        below = [filtered(chance, ids, depth + 1) for _ in range(chance.randrange(1, 3))]
        found[name] = below[0] if name == "not" else below
    return found
