"""Users of the sandbox whose clients are of any shape that an API may answer."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import UUID

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DemoUser

FIRST = [
    "Ana",
    "ana",
    "Ávila",
    "avila",
    "Avila",
    "Łukasz",
    "\uff21\uff2e\uff21",
    "Jean-Luc",
    "O\u2019Neil",
    "",
    " ",
]
LAST = [
    "Torres",
    "torres",
    "de la Cruz",
    "Ñáñez",
    "Nanez",
    "Straße",
    "山田太郎",
    "Øre",
    "İnce",
    "Lee",
]
PHONES = ["(661) 555-0123", "+1 661.555.0199", "6615550123", "٠١٢٣", "none", "", None]
EMAILS = ["ana.torres@example.com", "ANA@EXAMPLE.org", "lee+x@mail.test", "", None]
TAGS = ["hot", "first-time", "Ávila", "cash buyer", "HOT"]
PLACES = ["Fresno", "Delano", "fresno"]
MOMENTS = [
    "2026-07-01T22:49:27.331Z",
    "2026-07-01T22:49:27.33Z",
    "2026-07-01T22:49:27Z",
    "2026-07-02T00:49:27+02:00",
    "2025-12-31T23:59:59.999999Z",
    "yesterday",
    None,
]
AMOUNTS = [0, -0.0, 250_000, 250_000.5, "300000", "many", 2**53, 2**60 + 1, None, 1e300]
ABSENT = object()


@dataclass(frozen=True)
class Office(DemoUser):
    """A user whose clients are made by chance."""

    seed: int = 0

    def clients(self) -> list[dict[str, Any]]:
        chance = Random(self.seed)
        return [row(chance, self.id) for _ in range(self.rows)]


def row(chance: Random, owner: str) -> dict[str, Any]:
    """A row of any shape; keys may be absent."""
    made = {
        "id": str(UUID(int=chance.getrandbits(128), version=4)),
        "user_id": owner,
        "first_name": chance.choice([*FIRST, None, ABSENT]),
        "last_name": chance.choice([*LAST, None, 5]),
        "email": chance.choice(EMAILS),
        "phone": chance.choice(PHONES),
        "client_type": chance.choice(["buyer", "seller", "both", "landlord", None]),
        "status": chance.choice(["active", "active", "inactive", "closed", "asleep", None]),
        "source": chance.choice(["Zillow", "zillow", "Referral", None, ABSENT]),
        "budget_min": chance.choice(AMOUNTS),
        "budget_max": chance.choice(AMOUNTS),
        "preferred_locations": chance.sample(PLACES, chance.randrange(3)),
        "property_preferences": None,
        "pre_approved": chance.choice([True, False, None]),
        "pre_approval_amount": chance.choice(AMOUNTS),
        "notes": chance.choice(["Prefers a quiet street.", "Ana's friend", None]),
        "tags": chance.choice([chance.sample(TAGS, chance.randrange(4)), None, ["hot", "hot"]]),
        "version": chance.randrange(1, 6),
        "created_at": chance.choice(MOMENTS),
        "updated_at": chance.choice(MOMENTS),
    }
    return {name: value for name, value in made.items() if value is not ABSENT}


def written(sandbox: Sandbox, user: DemoUser) -> dict[str, dict[str, Any]]:
    """The clients of a user, oldest first, for another writer to change."""
    clients = sandbox._clients(user)  # noqa: SLF001 - what no call of the API's would cost
    return clients._write(0.0)  # noqa: SLF001
