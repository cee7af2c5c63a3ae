"""The demo users of the sandbox. Each has clients of its own, generated deterministically."""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

_SECRET = b"the sandbox's own; signs nothing real"
_FOREVER = 4_102_444_800  # 2100-01-01, in Unix seconds

_FIRST = ("Michael", "Jordan", "Ana", "Wei", "Fatima", "Olu", "Priya", "Lars", "Chloe", "Mateo")
_LAST = ("Torres", "Lee", "Nguyen", "Okafor", "Patel", "Berg", "Dubois", "Garcia", "Kim", "Novak")
_PLACES = ("Bakersfield", "Tehachapi", "Fresno", "Visalia", "Delano", "Shafter", "Wasco")
_SOURCES = ("Zillow", "Referral", "Open house", "Website", "Realtor.com", None)
_KINDS = ("single_family", "condo", "townhouse", "land")
_TAGS = ("hot", "first-time", "investor", "relocating", "cash")


@dataclass(frozen=True)
class DemoUser:
    """A user of the API: a key, a token, `rows` clients, and the scopes of the key."""

    name: str
    rows: int
    scopes: tuple[str, ...] = ("read", "write")
    broker: bool = False
    """Whether the user may manage webhooks."""

    @property
    def id(self) -> str:
        """The user's UUID."""
        return str(_uuid(Random(f"user {self.name}")))  # nosec B311 - the same every time

    @property
    def api_key(self) -> str:
        """The API key: 64 hex characters (API page, Authentication)."""
        return hashlib.sha256(f"demo key of {self.name}".encode()).hexdigest()

    @property
    def token(self) -> str:
        """A JWT that is valid until the year 2100."""
        return self.token_until(_FOREVER)

    def token_until(self, exp: int, **claims: object) -> str:
        """Return a JWT of this user that expires at `exp`, in Unix seconds."""
        head = _part({"alg": "HS256", "typ": "JWT"})
        body = _part({"iss": "sandbox", "sub": self.id, "exp": exp, **claims})
        return f"{head}.{body}.{_signature(f'{head}.{body}')}"

    def clients(self) -> list[dict[str, Any]]:
        """Generate the user's clients, newest first, each with all twenty fields."""
        random = Random(self.name)  # nosec B311 - the same every time
        return [_client(random, self.id, place) for place in range(self.rows)]


def _part(claims: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")


def _signature(signed: str) -> str:
    digest = hmac.digest(_SECRET, signed.encode(), "sha256")
    return urlsafe_b64encode(digest).decode().rstrip("=")


def verify_token(token: str) -> str | None:
    """Return the id of the token's user, None for an invalid or expired token."""
    try:
        head, body, signature = token.split(".")
        claims = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        valid = hmac.compare_digest(signature, _signature(f"{head}.{body}"))
        expires, subject = float(claims["exp"]), str(claims["sub"])
    except (ValueError, KeyError, TypeError):
        return None
    return subject if valid and expires > datetime.now(UTC).timestamp() else None


def format_time(when: datetime) -> str:
    """Format a time in UTC with milliseconds (RFC 3339), as on the API page."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _uuid(seeded: Random) -> UUID:
    return UUID(int=seeded.getrandbits(128), version=4)


def _client(seeded: Random, owner: str, place: int) -> dict[str, Any]:
    first, last = seeded.choice(_FIRST), seeded.choice(_LAST)
    minimum = seeded.randrange(150_000, 900_000, 5_000)
    created = datetime(2026, 7, 15, 14, 32, 10, tzinfo=UTC) - timedelta(minutes=97 * place)
    approved = seeded.random() < 0.5  # noqa: PLR2004 - an even chance
    return {
        "id": str(_uuid(seeded)),
        "user_id": owner,
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}.{place}@example.com".lower(),
        "phone": f"(661) 555-{seeded.randrange(10_000):04d}",
        "client_type": seeded.choice(("buyer", "seller", "both")),
        "status": seeded.choice(("active", "active", "inactive", "closed")),
        "source": seeded.choice(_SOURCES),
        "budget_min": minimum,
        "budget_max": minimum + seeded.randrange(50_000, 400_000, 5_000),
        "preferred_locations": seeded.sample(_PLACES, 2),
        "property_preferences": {
            "bedrooms_min": seeded.randrange(1, 6),
            "bathrooms_min": seeded.randrange(1, 4),
            "square_feet_min": seeded.randrange(800, 4_000, 100),
            "property_types": seeded.sample(_KINDS, 2),
        },
        "pre_approved": approved,
        "pre_approval_amount": minimum + 50_000 if approved else None,
        "notes": seeded.choice(("Prefers a quiet street.", "Call after five.", None)),
        "tags": seeded.sample(_TAGS, seeded.randrange(3)),
        "version": seeded.randrange(1, 6),
        "created_at": format_time(created),
        "updated_at": format_time(created + timedelta(days=seeded.randrange(30))),
    }


ADA = DemoUser("Ada", 42)
GRACE = DemoUser("Grace", 137)
EDSGER = DemoUser("Edsger", 2_500)
READER = DemoUser("Reader", 3, scopes=("read",))
WITHOUT_SCOPES = DemoUser("Without", 0, scopes=())
BROKER = DemoUser("Broker", 5, broker=True)
USERS = (ADA, GRACE, EDSGER, READER, WITHOUT_SCOPES, BROKER)
DEMO = ADA
