"""The functions that run inside the server, as one library that gateways load."""

import hashlib
from importlib import resources

PARTS = (
    "state",
    "window",
    "slow_start",
    "fair_share",
    "unknown_credentials",
    "retry_budget",
    "leases",
    "learning",
    "budget",
    "creates",
    "journal",
)
"""The files after the clock, each of which uses only those before it."""
STATE_VERSION = 1
"""The version of the keys; gateways share a budget only if they agree on it."""


def _read(part: str) -> str:
    return (resources.files(__package__) / "functions" / f"{part}.lua").read_text("utf-8")


class FunctionLibrary:
    """One version of the functions; its names contain a hash of its source.

    So gateways of two versions can use one server at the same time, as they do while one version
    replaces another.
    """

    def __init__(self, clock: str | None = None) -> None:
        """Read the source. `clock`: Lua source that replaces the server's clock in tests."""
        parts = (_read("clock") if clock is None else clock, *map(_read, PARTS))
        body = "\n".join(parts)
        digest = hashlib.sha256(body.encode()).hexdigest()[:12]
        name = f"clients_gateway_{digest}"
        self._prefix = f"{name}_"
        self.source = f"#!lua name={name}\nlocal PREFIX = '{self._prefix}'\n{body}"
        """The argument of FUNCTION LOAD."""

    def function(self, name: str) -> str:
        """Return the name by which FCALL knows a function of this version."""
        return self._prefix + name


_KEYS = ("state", "spent", "last", "writes", "waits", "rejected", "called", "retried", "newcomers")


def budget_keys(budget: str) -> list[str]:
    """Return the keys of a budget, all in one slot of a cluster."""
    return [f"clients-gateway:{STATE_VERSION}:{{{budget}}}:{name}" for name in _KEYS]
