"""The `webhook-test` command: a signed delivery to a running gateway."""

from datetime import UTC, datetime

import httpx2
import orjson

from gateway.webhooks.signature import sign

TIMEOUT = 10.0
"""Seconds to wait for the gateway."""
SAMPLE_ID = "00000000-0000-4000-8000-000000000000"
"""The id of no client."""


class WebhookTestError(Exception):
    """No gateway answered; the message is one line with the reason."""


def send_sample(url: str, secret: str) -> tuple[int, str]:
    """Deliver a sample; return the status and its meaning. Raises `WebhookTestError`."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    event = "client.updated"
    body = orjson.dumps({"event": event, "timestamp": moment, "data": {"id": SAMPLE_ID}})
    headers = {
        "Content-Type": "application/json",
        "X-Webhook-Event": event,
        "X-Webhook-Timestamp": moment,
        "X-Webhook-Signature": sign(body, secret),
    }
    try:
        response = httpx2.post(url, content=body, headers=headers, timeout=TIMEOUT, trust_env=False)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise WebhookTestError(f"no gateway answers at {url}: {error}") from None
    return response.status_code, _MEANINGS.get(response.status_code, "not what a gateway answers")


_MEANINGS = {
    204: "the gateway verified the delivery and applied it",
    401: "the gateway has another secret",
    404: "the gateway receives no webhooks, or has no GATEWAY_WEBHOOK_SECRETS",
    421: "the gateway does not accept the name in the URL",
}
