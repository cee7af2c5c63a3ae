"""What a credential may read by now, long after its subscription was opened."""

from collections.abc import Callable
from dataclasses import replace

from schema.source.request_context import Caller


def is_expired(caller: Caller, wall: float) -> bool:
    """Return True if the caller's token has expired at `wall`, in Unix seconds."""
    return caller.expires_at is not None and caller.expires_at <= wall


def current_caller(caller: Caller, proven: Callable[[str], bool]) -> Caller:
    """Return the caller with the partition of its user, or with its token's own.

    `proven` returns whether the API has accepted a credential within the last minutes: only then a
    token reads what other tokens of its user have read.
    """
    user = caller.claimed if caller.token is None else caller.partition
    if user is None:
        return caller
    if proven(caller.hash):
        return replace(caller, partition=user, token=caller.hash, claimed=None)
    return replace(caller, partition=caller.hash, token=None, claimed=user)
