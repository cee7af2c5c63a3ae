"""Connect to the server in which gateways share their state."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gateway.storage.journal.journal import Journal
from gateway.storage.journal.log_reader import LogReader
from gateway.storage.journal.member_locks import MemberLocks
from gateway.storage.shared.budget import ValkeyBudget
from gateway.storage.shared.function_library import FunctionLibrary, budget_keys
from gateway.storage.shared.sealing import Sealer
from gateway.storage.shared.server_connection import ServerConnection


class Connected(NamedTuple):
    """What several gateways share."""

    budget: ValkeyBudget
    server: ServerConnection
    creates: Sealer
    """Encrypts the records of creates."""
    journal: Journal
    memory: Sealer
    """Encrypts the journal."""


def connect(  # noqa: PLR0913 - what a server and a budget are known by
    url: str,
    name: str,
    secret: bytes,
    api: str,
    *,
    limit: int,
    attempt_seconds: float,
    clock: Callable[[], float],
    folder: Path | None,
) -> Connected:
    """Return what is shared by the users of one secret and one API.

    The connections are made when they are first used. `folder`: where the state is kept.
    """
    server = ServerConnection(url, FunctionLibrary(), budget_keys(name))
    budget = ValkeyBudget(server, limit=limit, attempt_seconds=attempt_seconds, clock=clock)
    creates, memory = (Sealer(secret + api.encode(), each) for each in (b"creates", b"journal"))
    prefix = f"clients-gateway:1:{{{memory.name(b'journal')}}}"
    journal = Journal(server, LogReader(url, f"{prefix}:log"), prefix, clock)
    journal.commands.locks = MemberLocks(folder and folder / "gateways")
    return Connected(budget, server, creates, journal, memory)
