"""Apply what webhooks report: to the cache, and to the proof that they arrive."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.cache.coherence.events import WriteBegan, WriteEnded
from gateway.cache.policy.delivery_proof import WITHIN, DeliveryProof
from gateway.cache.store.change_hints import ChangeHints, ChangeKind, ReportedChange
from gateway.cache.store.keys import Partition

_EXECUTED = frozenset({"created", "updated", "deleted"})


@dataclass(eq=False, repr=False)
class ReportedChanges:
    """The changes that webhooks report, and the own writes that prove their arrival."""

    _proof: DeliveryProof
    _hints: ChangeHints
    _reading: Callable[[], Iterable[Partition]]
    """Returns the callers whose lists are being read."""
    _aged: Callable[[Iterable[Partition]], None]
    """Is called with the callers whom a change concerns."""
    _clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._hints.on_unreported = lambda key: self._proof.observe(*key, self._clock())
        self._hints.on_missed = self._proof.interrupt

    def note(self, kind: ChangeKind, ids: frozenset[str]) -> None:
        """Note a change that a webhook reported: what was read before is no longer fresh.

        It is served as before, marked as stale, and read again with the refresh priority: at once
        if its caller is active, else when it is next requested.
        """
        self._apply(self._proof.arrive(kind, ids, self._clock()))

    def began(self, event: WriteBegan) -> None:
        """Note a write of any gateway that is about to be sent."""
        partition = Partition.alone(event.partition)
        self._proof.begin(event.write, partition, event.id, self._clock())

    def ended(self, event: WriteEnded) -> None:
        """Note the end of a write: if the API executed it, it must come back as a webhook."""
        is_late = event.at + WITHIN <= self._clock()  # another gateway's, from the journal
        if event.id is None or event.kind not in _EXECUTED or is_late:
            self._apply(self._proof.abandon(event.write))
        else:
            partition, id = Partition.alone(event.partition), event.id.lower()
            self._apply(self._proof.end(event.write, partition, id, event.at))

    def freshness(self) -> dict[str, object]:
        """Return whether webhooks are proven to arrive, and until when or why not."""
        left = self._proof.until - self._clock()
        until = {"forSeconds": round(left)} if left > 0 else {"reason": self._proof.reason}
        return {"freshness": {"proven": left > 0, **until}}

    def _apply(self, changes: Iterable[ReportedChange]) -> None:
        for change in changes:
            self._aged(self._hints.note(change, self._reading()))
