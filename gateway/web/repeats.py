"""Questions asked before, byte for byte: answered at once, without an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gateway.web.answers import repeated
from gateway.web.reply import GZIPPED, Reply
from schema.failures import Unauthenticated

if TYPE_CHECKING:
    from gateway.gzipped import Data
    from gateway.web.callers import Callers
    from gateway.web.cors import Cors
    from gateway.web.head import Head
    from schema.operation import Caller, Receipt


class Answers(Protocol):
    """Answers remembered, encoded, for as long as they would be the same."""

    def find(self, caller: Caller, asked: bytes) -> tuple[Data, Receipt] | None:
        """The data to answer `asked` with, encoded, and the receipt of telling it again."""


class Repeats:
    """Answers what would be answered as before, and leaves everything else to the door."""

    def __init__(self, answers: Answers | None, callers: Callers, cors: Cors) -> None:
        """Without `answers`, nothing is known."""
        self._answers = answers
        self._callers = callers
        self._cors = cors

    def reply(self, head: Head, body: bytes) -> Reply | None:
        """The answer to a POST, if that is known."""
        if self._answers is None or head.media_type is None or not head.plain:
            return None
        try:
            caller = head.caller(self._callers)
        except Unauthenticated:
            return None  # told where all are
        again = None if caller is None else self._answers.find(caller, body)
        if again is None:
            return None
        own = head.trace().headers() + self._cors.headers(head.origin)
        content, compressed = repeated(*again, head.coding)
        if compressed:
            own.append(GZIPPED)
        return Reply(200, head.media_type, own, content)
