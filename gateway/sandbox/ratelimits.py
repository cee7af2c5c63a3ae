"""Faults of the rate limit's headers: wrong, missing, or in another form in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.sandbox.faults import ALWAYS, Fault, ResponseChange, SandboxResponse

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT, REMAINING, RESET = "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"
EPOCH = 1_785_000_000
"""Unix seconds of an instant in 2026, for a reset that is an instant."""


def _set(**values: str | None) -> Callable[[SandboxResponse], None]:
    def change(answer: SandboxResponse) -> None:
        for name, value in values.items():
            header = f"RateLimit-{name.capitalize()}"
            if value is None:
                answer.headers.pop(header, None)
            elif header in answer.headers:
                answer.headers[header] = value

    return change


def _pop_headers(answer: SandboxResponse) -> tuple[str, str, str] | None:
    found = [answer.headers.pop(name, None) for name in (LIMIT, REMAINING, RESET)]
    limit, remaining, reset = found
    if limit is None or remaining is None or reset is None:
        return None
    return limit, remaining, reset


def _draft_7(answer: SandboxResponse) -> None:
    if (popped := _pop_headers(answer)) is not None:
        limit, remaining, reset = popped
        answer.headers["RateLimit"] = f"limit={limit}, remaining={remaining}, reset={reset}"
        answer.headers["RateLimit-Policy"] = f"{limit};w=900"


def _draft_10(answer: SandboxResponse) -> None:
    if (popped := _pop_headers(answer)) is not None:
        limit, remaining, reset = popped
        answer.headers["RateLimit"] = f'"default";r={remaining};t={reset}'
        answer.headers["RateLimit-Policy"] = f'"default";q={limit};w=900'


def _prefixed(begin: int) -> Callable[[SandboxResponse], None]:
    def change(answer: SandboxResponse) -> None:
        if (popped := _pop_headers(answer)) is not None:
            limit, remaining, reset = popped
            answer.headers["X-RateLimit-Limit"] = limit
            answer.headers["X-RateLimit-Remaining"] = remaining
            answer.headers["X-RateLimit-Reset"] = str(begin + int(reset))

    return change


def _headers(change: Callable[[SandboxResponse], None]) -> Fault:
    return ResponseChange(times=ALWAYS, change=change)


def _rejection(status: int, code: str, **headers: str) -> Fault:
    body = f'{{"success":false,"error":{{"code":"{code}","message":"Slow down."}}}}'
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(times=ALWAYS, instead=True, status=status, body=body, headers=named)


FAULTS: dict[str, tuple[str, Fault]] = {
    "reset-zero": ("RateLimit-Reset is always 0", _headers(_set(reset="0"))),
    "reset-missing": ("RateLimit-Reset is left out", _headers(_set(reset=None))),
    "reset-negative": ("RateLimit-Reset is always -1", _headers(_set(reset="-1"))),
    "reset-instant": (
        "RateLimit-Reset is an instant in Unix seconds",
        _headers(_set(reset=str(EPOCH))),
    ),
    "remaining-negative": ("RateLimit-Remaining is -3", _headers(_set(remaining="-3"))),
    "rate-limit-missing": (
        "the rate limit headers are left out",
        _headers(_set(limit=None, remaining=None, reset=None)),
    ),
    "rate-limit-draft-7": (
        "the rate limit is one RateLimit field: limit=, remaining=, reset=",
        _headers(_draft_7),
    ),
    "rate-limit-draft-10": (
        "the rate limit is a structured RateLimit field with r= and t=",
        _headers(_draft_10),
    ),
    "rate-limit-x": ("the rate limit is in X-RateLimit-* headers", _headers(_prefixed(0))),
    "rate-limit-x-instant": (
        "the rate limit is in X-RateLimit-* headers, its reset in Unix seconds",
        _headers(_prefixed(EPOCH)),
    ),
    "limited-429": (
        "every call is refused with 429 and Retry-After: 30",
        _rejection(429, "RATE_LIMIT_EXCEEDED", Retry_After="30"),
    ),
    "limited-429-fraction": (
        "every call is refused with 429 and Retry-After: 0.5",
        _rejection(429, "RATE_LIMIT_EXCEEDED", Retry_After="0.5"),
    ),
    "limited-403": (
        "every call is refused with 403, nothing remaining and Retry-After: 30",
        _rejection(403, "FORBIDDEN", Retry_After="30", RateLimit_Remaining="0"),
    ),
    "unavailable-503": (
        "every call is refused with 503 and Retry-After: 30",
        _rejection(503, "SERVICE_UNAVAILABLE", Retry_After="30"),
    ),
}
