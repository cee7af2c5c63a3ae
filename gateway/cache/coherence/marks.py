"""What an event is about: the caller's partitions, lists and clients."""

from gateway.cache.coherence.events import (
    ClientsRead,
    Event,
    Forgotten,
    PageRead,
    WriteBegan,
    WriteEnded,
)


def changed_partitions(event: Event) -> list[str]:
    """Return the partitions whose readers may be answered otherwise after the event."""
    if isinstance(event, WriteEnded):
        return [event.partition, *([event.claimed] if event.claimed else [])]
    return [event.partition] if isinstance(event, PageRead | ClientsRead | Forgotten) else []


def marks_of(event: Event) -> list[tuple[str, ...]]:
    """Return the names of what a reading depends on, or what a write changes."""
    if isinstance(event, PageRead):
        return [(event.partition,), ("lists", event.partition)]
    if isinstance(event, ClientsRead):
        return [(event.partition,), *(("client", event.partition, id) for id in event.found)]
    if isinstance(event, WriteBegan | WriteEnded):
        of = [event.partition] if isinstance(event, WriteBegan) else changed_partitions(event)
        id = event.id
        clients = [] if id is None else [("client", each, id) for each in of]
        return [*(("lists", each) for each in of), *clients]
    return [(event.partition,)] if isinstance(event, Forgotten) else []
