"""Receive deliveries: verify, recognise retries, and pass on what they report."""

import hashlib
from collections.abc import Callable, Sequence

from cachetools import LRUCache
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gateway.webhooks.events import ChangeKind, read_delivery
from gateway.webhooks.signature import is_signed

OnChange = Callable[[ChangeKind, frozenset[str]], None]
Proof = Callable[[], dict[str, object]]

MAX_BODY_BYTES = 64 * 1024
MAX_REMEMBERED = 10_000
"""Deliveries whose retries are recognised, the latest."""

_CHALLENGE = {"WWW-Authenticate": 'HMAC-SHA256 header="X-Webhook-Signature"'}


class WebhookReceiver:
    """The endpoint of the API's webhooks.

    `on_change` is called before the response is sent, and may neither wait nor fail: a delivery
    that was answered by 2xx has had its effect.
    """

    def __init__(
        self, secrets: Sequence[str], on_change: OnChange, proof: Proof, *, max_body_bytes: int
    ) -> None:
        """Create it; the server may cut a body off behind `max_body_bytes`.

        `proof` returns whether deliveries are proven to arrive.
        """
        self._secrets = secrets
        self._on_change = on_change
        self._proof = proof
        self._max_body_bytes = min(MAX_BODY_BYTES, max_body_bytes)
        self._seen: LRUCache[bytes, None] = LRUCache(MAX_REMEMBERED)
        outcomes = ("applied", "duplicate", "ignored", "refused") if secrets else ()
        self.counts = dict.fromkeys(outcomes, 0)
        """Deliveries by outcome; `refused` are those without a valid signature."""

    def state(self) -> dict[str, object]:
        """Return the counts and the proof; nothing if no deliveries are received."""
        return {"webhooks": self.counts, **self._proof()} if self.counts else {}

    async def respond(self, request: Request) -> Response:
        """Answer one delivery. Raises `HTTPException` for one that is refused."""
        try:
            body = await _read(request, self._max_body_bytes)
        except ClientDisconnect:
            return Response(status_code=400)
        signatures = request.headers.getlist("x-webhook-signature")
        if len(signatures) != 1 or not is_signed(
            body, signatures[0].encode("latin-1"), self._secrets
        ):
            self.counts["refused"] += 1
            raise HTTPException(401, headers=_CHALLENGE)
        headers = request.headers
        name, timestamp = headers.get("x-webhook-event"), headers.get("x-webhook-timestamp")
        self.counts[self._apply(body, name, timestamp)] += 1
        return Response(status_code=204)

    def _apply(self, body: bytes, name: str | None, timestamp: str | None) -> str:
        """Pass on what a verified delivery reports; return the outcome.

        A retry has the same body. Without a time in it, a second event may have the same body too,
        so the time in the headers distinguishes them.
        """
        delivery = read_delivery(body, name)
        when = "" if delivery.timed else timestamp or ""
        digest = hashlib.sha256(b"%b\0%b" % (when.encode(), body)).digest()
        if digest in self._seen:
            return "duplicate"
        self._seen[digest] = None
        if delivery.event is None:
            return "ignored"
        self._on_change(*delivery.event)
        return "applied"


async def _read(request: Request, max_bytes: int) -> bytes:
    """Read the body to its end, which the server bounds. Raises `HTTPException` (413)."""
    body, length = bytearray(), 0
    async for piece in request.stream():
        length += len(piece)
        if length <= max_bytes:
            body += piece
    if length > max_bytes:
        raise HTTPException(413)
    return bytes(body)
