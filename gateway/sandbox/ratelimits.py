"""Faults of the rate limit's headers: wrong, missing, or in another form in use."""
# ruff: noqa: E501 - one row is one line

from gateway.sandbox.faults import Fault, SandboxRequest, SandboxResponse

FIELDS = {f"RateLimit-{name}": f"{{{name}}}" for name in ("Limit", "Remaining", "Reset")}
"""The fields of the API page, each as the template of its value."""
X_FIELDS = {f"X-{name}": value for name, value in FIELDS.items()}
DRAFT_7 = {
    "RateLimit": "limit={Limit}, remaining={Remaining}, reset={Reset}",
    "RateLimit-Policy": "{Limit};w=900",
}
DRAFT_10 = {
    "RateLimit": '"default";r={Remaining};t={Reset}',
    "RateLimit-Policy": '"default";q={Limit};w=900',
}
"""Of draft-ietf-httpapi-ratelimit-headers."""
EPOCH = 1_785_000_000
"""Unix seconds of an instant in 2026, for a reset that is an instant."""


def _fields(templates: dict[str, str]) -> Fault:
    """Return a fault that writes the rate limit in the fields of `templates` only."""

    def change(_: SandboxRequest, answer: SandboxResponse) -> None:
        found = {name[10:]: answer.headers.pop(name, "") for name in FIELDS}
        if all(found.values()):
            found["Instant"] = str(EPOCH + int(found["Reset"]))
            answer.headers |= {name: text.format(**found) for name, text in templates.items()}

    return Fault(change=change)


def _reset(value: str) -> Fault:
    return _fields(FIELDS | {"RateLimit-Reset": value})


def _rejection(status: int, code: str, **headers: str) -> Fault:
    body = f'{{"success":false,"error":{{"code":"{code}","message":"Slow down."}}}}'
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(instead=True, status=status, body=body, headers=named)


# fmt: off
FAULTS: dict[str, tuple[str, Fault]] = {
    "reset-zero": ("RateLimit-Reset is always 0", _reset("0")),
    "reset-missing": ("RateLimit-Reset is left out", _fields({name: FIELDS[name] for name in ("RateLimit-Limit", "RateLimit-Remaining")})),
    "reset-negative": ("RateLimit-Reset is always -1", _reset("-1")),
    "reset-instant": ("RateLimit-Reset is an instant in Unix seconds", _reset(str(EPOCH))),
    "remaining-negative": ("RateLimit-Remaining is -3", _fields(FIELDS | {"RateLimit-Remaining": "-3"})),
    "rate-limit-missing": ("the rate limit headers are left out", _fields({})),
    "rate-limit-draft-7": ("the rate limit is one RateLimit field: limit=, remaining=, reset=", _fields(DRAFT_7)),
    "rate-limit-draft-10": ("the rate limit is a structured RateLimit field with r= and t=", _fields(DRAFT_10)),
    "rate-limit-x": ("the rate limit is in X-RateLimit-* headers", _fields(X_FIELDS)),
    "rate-limit-x-instant": ("the rate limit is in X-RateLimit-* headers, its reset in Unix seconds", _fields(X_FIELDS | {"X-RateLimit-Reset": "{Instant}"})),
    "limited-429": ("every call is refused with 429 and Retry-After: 30", _rejection(429, "RATE_LIMIT_EXCEEDED", Retry_After="30")),
    "limited-429-fraction": ("every call is refused with 429 and Retry-After: 0.5", _rejection(429, "RATE_LIMIT_EXCEEDED", Retry_After="0.5")),
    "limited-403": ("every call is refused with 403, nothing remaining and Retry-After: 30", _rejection(403, "FORBIDDEN", Retry_After="30", RateLimit_Remaining="0")),
    "unavailable-503": ("every call is refused with 503 and Retry-After: 30", _rejection(503, "SERVICE_UNAVAILABLE", Retry_After="30")),
}
# fmt: on
