"""Faults of records: normalised, lagging or restored values, and undocumented types."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gateway.sandbox.clients import SandboxError
from gateway.sandbox.faults import ALWAYS, Fault, ResponseChange, SandboxRequest, SandboxResponse

BEYOND_32_BITS = 1 << 40
US_DIGITS = 10


def e164(phone: str) -> str:
    """Format a telephone number of the United States as E.164 (ITU-T E.164, 6)."""
    digits = re.sub(r"\D", "", phone)
    if phone.strip().startswith("+"):
        return f"+{digits}"
    national = digits.removeprefix("1") if len(digits) > US_DIGITS else digits
    return f"+1{national}" if len(national) == US_DIGITS else phone


@dataclass
class Normalization(Fault):
    """A fault that stores phones as E.164, e-mails in lower case and names without extra blanks."""

    times: float = ALWAYS

    def receive(self, call: SandboxRequest) -> None:
        """Normalise the fields of a write."""
        if not isinstance(call.body, dict):
            return
        fields = call.body
        for name, normalise in (
            ("phone", e164),
            ("email", lambda text: text.strip().lower()),
            ("first_name", lambda text: " ".join(text.split())),
            ("last_name", lambda text: " ".join(text.split())),
        ):
            if isinstance(fields.get(name), str):
                fields[name] = normalise(fields[name])


@dataclass
class VersionRollback(Fault):
    """A fault where versions go back: the first read of a client is `ahead` of later ones."""

    times: float = ALWAYS
    ahead: int = 2
    _seen: set[str] = field(default_factory=set, init=False, repr=False)

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:
        """Raise the version of clients in their first response."""
        super().answer(call, answer)
        for record in answer.records:
            id = record.get("id", "")
            if id not in self._seen and isinstance(record.get("version"), int):
                record["version"] += self.ahead
            self._seen.add(id)


@dataclass
class LaggingLists(Fault):
    """A fault where lists lag and reads by id do not."""

    times: float = ALWAYS
    lag: float = 10.0

    def behind(self, call: SandboxRequest) -> float:
        """Return the lag of lists, in seconds."""
        return self.lag if call.path == "/clients" else 0.0


@dataclass
class LargeVersion(Fault):
    """A fault where versions begin at 2^40."""

    times: float = ALWAYS

    def receive(self, call: SandboxRequest) -> None:
        """Convert the version that a write expects."""
        if isinstance(call.body, dict) and isinstance(call.body.get("version"), int):
            call.body["version"] -= BEYOND_32_BITS

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:
        """Convert the versions of the response."""
        super().answer(call, answer)
        for record in answer.records:
            if isinstance(record.get("version"), int):
                record["version"] += BEYOND_32_BITS


@dataclass
class MissingAfterCreate(Fault):
    """A fault where a new client is in lists, but 404 by id for `seconds`."""

    times: float = ALWAYS
    seconds: float = 5.0
    _until: dict[str, float] = field(default_factory=dict, init=False, repr=False)

    def receive(self, call: SandboxRequest) -> None:
        """Reject a read by id within `seconds` of the create."""
        id = call.path.rpartition("/")[2]
        if call.method == "GET" and self._until.get(id, call.now) > call.now:
            raise SandboxError(404, "NOT_FOUND", "Client not found.")

    def answer(self, call: SandboxRequest, answer: SandboxResponse) -> None:
        """Record the time of a create."""
        if call.method == "POST":
            for record in answer.records:
                self._until[record["id"]] = call.now + self.seconds
        super().answer(call, answer)


@dataclass
class DuplicateEmail(Fault):
    """A fault that rejects every write with an e-mail address."""

    times: float = ALWAYS
    refusal: int = 409

    def receive(self, call: SandboxRequest) -> None:
        """Raise the API's error, in its envelope."""
        if isinstance(call.body, dict) and call.body.get("email") is not None:
            raise SandboxError(
                self.refusal, "DUPLICATE_EMAIL", "Another client has this e-mail address."
            )


def _gone(answer: SandboxResponse) -> None:
    if answer.status == 404:  # noqa: PLR2004
        answer.status = 410


def _text_versions(answer: SandboxResponse) -> None:
    for record in answer.records:
        if "version" in record:
            record["version"] = str(record["version"])


def _foreign_id(answer: SandboxResponse) -> None:
    for record in answer.records:
        if answer.meta is None:
            record["id"] = "00000000-0000-4000-8000-000000000000"


MALFORMED = {
    "email": 7,
    "phone": ["(661) 555-0100"],
    "budget_min": "a lot",
    "pre_approved": "yes",
    "tags": "hot",
    "property_preferences": [],
    "created_at": "yesterday",
}
UNKNOWN = {"status": "archived", "client_type": "tenant", "loyalty_tier": {"name": "gold"}}

FAULTS: dict[str, tuple[str, Fault]] = {
    "tidied": (
        "writes store phones as E.164, e-mail addresses in lower case, names without blanks",
        Normalization(),
    ),
    "restored-backup": (
        "versions go back: each client is first two versions ahead of all later answers",
        VersionRollback(),
    ),
    "replica-lag": ("reads see the clients of ten seconds ago", Fault(times=ALWAYS, lag=10.0)),
    "detail-lag": (
        "reads by id see the clients of ten seconds ago, lists the present ones",
        Fault(times=ALWAYS, path="/clients/", lag=10.0),
    ),
    "list-lag": (
        "lists see the clients of ten seconds ago, reads by id the present ones",
        LaggingLists(),
    ),
    "missing-after-create": (
        "a new client is 404 by id for five seconds",
        MissingAfterCreate(),
    ),
    "duplicate-email": ("a write with an e-mail address is refused with 409", DuplicateEmail()),
    "gone-410": (
        "what does not exist is 410 where the API has 404",
        ResponseChange(times=ALWAYS, change=_gone),
    ),
    "clock-behind": (
        "the clock that stamps records is 20 seconds behind",
        Fault(times=ALWAYS, skew=-20.0),
    ),
    "clock-ahead": (
        "the clock that stamps records is 20 seconds ahead",
        Fault(times=ALWAYS, skew=20.0),
    ),
    "large-versions": ("versions are beyond 32 bits", LargeVersion()),
    "text-versions": ("versions are strings", ResponseChange(times=ALWAYS, change=_text_versions)),
    "wrong-id": (
        "a client read by id or written comes back with the id of another",
        ResponseChange(times=ALWAYS, change=_foreign_id),
    ),
    "malformed-fields": (
        "fields have other types than documented",
        Fault(times=ALWAYS, record=MALFORMED),
    ),
    "missing-fields": (
        "version, stamps and phone are left out",
        Fault(times=ALWAYS, without=("version", "created_at", "updated_at", "phone")),
    ),
    "unknown-values": (
        "status and type are new values, and there is a field that nothing documents",
        Fault(times=ALWAYS, record=UNKNOWN),
    ),
}
