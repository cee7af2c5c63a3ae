"""What the doctor says of the webhook that must be registered, with a broker's token."""

from io import StringIO
from typing import Any

import httpx2
import pytest

from gateway.cli.doctor import run_checks
from gateway.cli.doctor.probe_client import Probe, ProbeResponse
from gateway.cli.doctor.registration import Endpoint, known_events, registration
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, BROKER, DEMO
from gateway.sandbox.webhooks import Webhooks
from gateway.transport.httpx_transport import HTTPXTransport
from gateway.transport.messages import Headers

URL = "https://gateway.example/webhooks/clients"
SECRET = "the registered secret"
ENDPOINT = Endpoint(URL, ("an older secret", SECRET))
OWN = {"url": URL, "events": ["all"], "active": True, "secret": SECRET}


def listed(*webhooks: dict[str, Any], status: int = 200) -> ProbeResponse:
    error = {"error": {"code": "FORBIDDEN"}} if status >= 400 else {}
    body = {"success": True, "data": list(webhooks), **error}
    return ProbeResponse(Probe("GET", "/webhooks"), status, Headers(()), body)


@pytest.mark.parametrize(
    ("response", "severity", "about"),
    [
        (listed(OWN | {"last_triggered": "2026-11-26T10:00:00Z"}), "ok", "last delivered: 2026"),
        (listed(OWN | {"url": f"{URL}/", "events": ["client.created"]}), "ok", "client.created"),
        (listed(OWN | {"secret": None}), "ok", "last delivered: never"),
        (listed(OWN | {"active": False}, OWN), "ok", "registered for all"),
        (listed(), "FAIL", "none of 0"),
        (listed(OWN | {"url": "https://other.example/hook"}), "FAIL", "none of 1"),
        (listed(OWN | {"active": False}), "FAIL", "not active"),
        (listed(OWN | {"events": ["escrow.created"]}), "FAIL", "no event about clients"),
        (listed(OWN | {"secret": "another secret"}), "FAIL", "none of GATEWAY_WEBHOOK_SECRETS"),
        (listed(status=401), "FAIL", "refused"),
        (listed(status=403), "FAIL", "403"),
        (listed(status=404), "note", "cannot be read"),
        (ProbeResponse(Probe("GET", "/webhooks"), missing="no answer"), "FAIL", "no answer"),
    ],
)
def test_the_registered_webhooks_are_judged(
    response: ProbeResponse, severity: str, about: str
) -> None:
    found = registration(response, ENDPOINT)

    assert found.severity == severity
    assert about in found.found
    assert SECRET not in repr(found)


def test_what_to_register_is_named_with_the_names_of_the_api() -> None:
    found = registration(listed(), ENDPOINT, ["client.created", "client.archived"])

    assert "client.created, client.archived" in found.consequence
    assert known_events(["client.created"]).severity == "ok"
    assert known_events(["client.archived"]).severity == "note"


@pytest.mark.parametrize(
    ("token", "line"),
    [
        (BROKER.token, "ok    webhook: registered for all; last delivered: never"),
        (ADA.token, "FAIL  webhook: 403 FORBIDDEN -> only a broker or a system administrator"),
        (DEMO.api_key, "FAIL  webhook: the token is refused: 401"),
    ],
)
async def test_the_doctor_checks_the_registration_by_two_more_requests(
    token: str, line: str
) -> None:
    out, sandbox = StringIO(), Sandbox(webhooks=Webhooks(URL, SECRET))
    transport = HTTPXTransport(httpx2.ASGITransport(app=sandbox))
    await run_checks(
        "http://api.test/v1",
        DEMO.api_key,
        transport,
        write=False,
        webhook=ENDPOINT,
        broker_token=token,
        out=out,
    )

    assert [each for each in out.getvalue().splitlines() if each.startswith(line)]
    assert sandbox.calls.count("GET /webhooks") == sandbox.calls.count("GET /webhooks/events") == 1
    assert token not in out.getvalue()
    assert SECRET not in out.getvalue()
