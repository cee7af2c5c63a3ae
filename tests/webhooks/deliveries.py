"""Deliveries as the API sends them, to a gateway on a real socket."""

import json
from typing import Any

from gateway.webhooks.signature import sign
from tests.serving import Wire, post

SECRET = "a secret of ten characters or more"
PATH = "/webhooks/clients"


def body_of(event: str, data: Any, at: int = 1) -> bytes:
    """The body of a delivery, in the envelope that is most likely."""
    return json.dumps({"event": event, "timestamp": at, "data": data}).encode()


def signed(body: bytes, *headers: str, secret: str = SECRET) -> bytes:
    """The request that delivers a body."""
    return post(body, f"X-Webhook-Signature: {sign(body, secret)}", *headers, path=PATH, key=None)


def deliver(wire: Wire, event: str, data: Any, at: int = 1) -> int:
    """The status of the response to a valid delivery."""
    return wire.ask(signed(body_of(event, data, at))).status


def query(wire: Wire, text: str, **variables: Any) -> dict[str, Any]:
    """The response to an operation of the demo caller."""
    answer = wire.ask(post(json.dumps({"query": text, "variables": variables}).encode()))
    found: dict[str, Any] = json.loads(answer.content)
    assert "errors" not in found, found
    return found
