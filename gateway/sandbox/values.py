"""Faults of records: normalised, lagging or restored values, and undocumented types."""
# ruff: noqa: E501 - one row is one line

import re
from collections.abc import Callable
from http import HTTPStatus

from gateway.sandbox.faults import LIST, Fault, SandboxError, SandboxRequest, SandboxResponse

BEYOND_32_BITS = 1 << 40
US_DIGITS = 10


def e164(phone: str) -> str:
    """Format a telephone number of the United States as E.164 (ITU-T E.164, 6)."""
    digits = re.sub(r"\D", "", phone)
    if phone.strip().startswith("+"):
        return f"+{digits}"
    national = digits.removeprefix("1") if len(digits) > US_DIGITS else digits
    return f"+1{national}" if len(national) == US_DIGITS else phone


NORMAL_FORMS: dict[str, Callable[[str], str]] = {
    "phone": e164,
    "email": lambda text: text.strip().lower(),
    "first_name": lambda text: " ".join(text.split()),
    "last_name": lambda text: " ".join(text.split()),
}


def _normalise(call: SandboxRequest) -> None:
    for name, normalise in NORMAL_FORMS.items() if isinstance(call.body, dict) else ():
        if isinstance(call.body.get(name), str):
            call.body[name] = normalise(call.body[name])


def _lower_version(call: SandboxRequest) -> None:
    if isinstance(call.body, dict) and isinstance(call.body.get("version"), int):
        call.body["version"] -= BEYOND_32_BITS


def _refuse_email(call: SandboxRequest) -> None:
    if isinstance(call.body, dict) and call.body.get("email") is not None:
        raise SandboxError(409, "DUPLICATE_EMAIL", "Another client has this e-mail address.")


def _lag_lists(call: SandboxRequest) -> None:
    if call.path == LIST:
        call.lag = 10.0


def _gone(_: SandboxRequest, answer: SandboxResponse) -> None:
    if answer.status == HTTPStatus.NOT_FOUND:
        answer.status = HTTPStatus.GONE


def _foreign_id(_: SandboxRequest, answer: SandboxResponse) -> None:
    if "id" in answer.data:
        answer.data["id"] = "00000000-0000-4000-8000-000000000000"


def _versions(
    convert: Callable[[int], object],
) -> Callable[[SandboxRequest, SandboxResponse], None]:
    def change(_: SandboxRequest, answer: SandboxResponse) -> None:
        for record in answer.records:
            if isinstance(record.get("version"), int):
                record["version"] = convert(record["version"])

    return change


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

# fmt: off
FAULTS: dict[str, tuple[str, Fault]] = {
    "tidied": ("writes store phones as E.164, e-mail addresses in lower case, names without blanks", Fault(receive=_normalise)),
    "restored-backup": ("versions go back: each client is first two versions ahead of all later answers", Fault(ahead=2)),
    "replica-lag": ("reads see the clients of ten seconds ago", Fault(lag=10.0)),
    "detail-lag": ("reads by id see the clients of ten seconds ago, lists the present ones", Fault(path="/clients/", lag=10.0)),
    "list-lag": ("lists see the clients of ten seconds ago, reads by id the present ones", Fault(receive=_lag_lists)),
    "missing-after-create": ("a new client is 404 by id for five seconds", Fault(hidden=5.0)),
    "duplicate-email": ("a write with an e-mail address is refused with 409", Fault(receive=_refuse_email)),
    "gone-410": ("what does not exist is 410 where the API has 404", Fault(change=_gone)),
    "clock-behind": ("the clock that stamps records is 20 seconds behind", Fault(skew=-20.0)),
    "clock-ahead": ("the clock that stamps records is 20 seconds ahead", Fault(skew=20.0)),
    "large-versions": ("versions are beyond 32 bits", Fault(receive=_lower_version, change=_versions(BEYOND_32_BITS.__add__))),
    "text-versions": ("versions are strings", Fault(change=_versions(str))),
    "wrong-id": ("a client read by id or written comes back with the id of another", Fault(change=_foreign_id)),
    "malformed-fields": ("fields have other types than documented", Fault(record=MALFORMED)),
    "missing-fields": ("version, stamps and phone are left out", Fault(without=("version", "created_at", "updated_at", "phone"))),
    "unknown-values": ("status and type are new values, and there is a field that nothing documents", Fault(record=UNKNOWN)),
}
# fmt: on
