"""The named faults, each with a description of one line."""

from dataclasses import replace
from typing import Any

from gateway.sandbox import counts, proxies, ratelimits, values, webhooks
from gateway.sandbox.faults import ALWAYS, Fault

FAULTS = values.FAULTS | counts.FAULTS | ratelimits.FAULTS | proxies.FAULTS | webhooks.FAULTS


class UnknownFault(Exception):
    """An unknown fault name or an invalid share; the message is one line."""


def named(name: str, **changes: Any) -> Fault:  # noqa: ANN401 - any field of the fault
    """Return the named fault, permanent, with `changes`. Raises `UnknownFault`."""
    if name not in FAULTS:
        raise UnknownFault(f"there is no fault {name!r}; `--fault list` shows all faults")
    return replace(FAULTS[name][1], **{"times": ALWAYS, **changes})


def parsed(text: str) -> Fault:
    """Parse `NAME`, or `NAME:SHARE` for a share of the calls. Raises `UnknownFault`."""
    name, separator, share = text.partition(":")
    if not separator:
        return named(name)
    try:
        part = float(share)
    except ValueError:
        part = 0.0
    if not 0 < part <= 1:
        raise UnknownFault(f"the share in {text!r} must be a number above 0 and at most 1")
    return named(name, share=part)
