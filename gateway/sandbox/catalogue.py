"""Every named fault, and one line on each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gateway.sandbox import counts, proxies, ratelimits, values

if TYPE_CHECKING:
    from gateway.sandbox.faults import Fault

FAULTS: dict[str, tuple[str, Fault]] = {
    **values.FAULTS,
    **counts.FAULTS,
    **ratelimits.FAULTS,
    **proxies.FAULTS,
}


class UnknownFault(Exception):
    """There is no fault of that name, or its share is none; the message is one line."""


def named(name: str, **changes: Any) -> Fault:  # noqa: ANN401 - any field of the fault
    """Make a fault of the catalogue, standing unless `times` is given. Raises `UnknownFault`."""
    if name not in FAULTS:
        raise UnknownFault(f"there is no fault {name!r}; `--fault list` shows what there is")
    return replace(FAULTS[name][1], **changes)


def parsed(text: str) -> Fault:
    """Make the fault of `NAME`, or `NAME:SHARE` for a part of the calls. Raises `UnknownFault`."""
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
