"""The user whose clients a caller is shown, if they are all of one user."""

from cachetools import LRUCache

from gateway.cache.store.keys import Partition
from schema.source.records import ClientRecord

_MAX_CALLERS = 20_000


class Owners:
    """The owners of the clients that each caller was shown."""

    def __init__(self) -> None:
        self._of: LRUCache[Partition, str | None] = LRUCache(_MAX_CALLERS)
        """None: more than one."""

    def note(self, partition: Partition, record: ClientRecord) -> None:
        """Note that the caller is shown this client."""
        owner = record.user_id
        if isinstance(owner, str):
            self._of[partition] = owner if self._of.get(partition, owner) == owner else None

    def is_shown_others_only(self, partition: Partition, owner: str | None) -> bool:
        """Return True if all clients that the caller was shown are of one user, and not `owner`."""
        only = self._of.get(partition)
        return None not in {only, owner} and only != owner

    def only(self, partition: Partition) -> str | None:
        """Return the one owner; None if there are several, or none is known."""
        return self._of.get(partition)
