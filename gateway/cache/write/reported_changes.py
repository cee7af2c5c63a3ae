"""Apply what webhooks report: to the cache, and to the proof that they arrive."""

from collections.abc import Callable, Iterable

from gateway.cache.policy.delivery_proof import DeliveryProof
from gateway.cache.store.change_hints import ChangeHints, ChangeKind, ReportedChange
from gateway.cache.store.keys import Partition
from gateway.cache.write.announced_writes import AnnouncedWriter
from schema.source.protocols import ClientWriter


class ReportedChanges:
    """The changes that webhooks report, and the own writes that prove their arrival."""

    def __init__(
        self,
        proof: DeliveryProof,
        hints: ChangeHints,
        reading: Callable[[], Iterable[Partition]],
        aged: Callable[[Iterable[Partition]], None],
        clock: Callable[[], float],
    ) -> None:
        """Create it; `reading` returns the callers whose lists are being read.

        `aged` is called with the callers whom a change concerns.
        """
        self._proof = proof
        self._hints = hints
        self._reading = reading
        self._aged = aged
        self._clock = clock
        hints.on_unreported = lambda key: proof.observe(*key, clock())

    def note(self, kind: ChangeKind, ids: frozenset[str]) -> None:
        """Note a change that a webhook reported: what was read before is no longer fresh.

        It is served as before, marked as stale, and read again with the refresh priority: at once
        if its caller is active, else when it is next requested.
        """
        self._apply(self._proof.arrive(kind, ids, self._clock()))

    def announced(self, writer: ClientWriter) -> ClientWriter:
        """Return a writer whose writes must come back as webhooks."""
        return AnnouncedWriter(writer, self._proof, self._apply, self._clock)

    def freshness(self) -> dict[str, object]:
        """Return whether webhooks are proven to arrive, and until when or why not."""
        left = self._proof.until - self._clock()
        until = {"forSeconds": round(left)} if left > 0 else {"reason": self._proof.reason}
        return {"freshness": {"proven": left > 0, **until}}

    def _apply(self, changes: Iterable[ReportedChange]) -> None:
        for change in changes:
            self._aged(self._hints.note(change, self._reading()))
