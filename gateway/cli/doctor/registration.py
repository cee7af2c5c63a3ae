"""The webhook that must be registered at the API, as far as a broker's token can read it."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from gateway.cli.doctor.meanings import ANY, Row, meaning
from gateway.cli.doctor.probe_client import Probe, ProbeClient, ProbeResponse
from gateway.cli.doctor.report import Finding, Report, fail, note, ok
from gateway.webhooks.events import CATALOGUE, PREFIX

ALL = "all"
"""The name of a subscription to every event."""
UNREAD = (
    Row({0}, fail("{0.missing}")),
    Row({401}, fail("the token is refused: {}", "it must be a broker's JWT, no API key")),
    Row({403}, fail("{}", "only a broker or a system administrator manages webhooks")),
    Row(
        ANY,
        note("the list of webhooks cannot be read: {}", "look in the app"),
        lambda r: r.status != HTTPStatus.OK or not isinstance(r.body.get("data"), list),
    ),
)
"""The meanings of responses without a list of webhooks."""


class Endpoint(NamedTuple):
    """Where the gateway is reached by the API, and the secrets by which it verifies deliveries."""

    url: str
    secrets: Sequence[str]


async def run_webhook_checks(client: ProbeClient, report: Report, endpoint: Endpoint) -> None:
    """Send both probes and report what they show; `client` has a broker's token."""
    catalogue = await client.send(Probe("GET", "/webhooks/events"))
    names = client_events(catalogue)
    listed = await client.send(Probe("GET", "/webhooks"))
    report.add("webhook", registration(listed, endpoint, names))
    if names:
        report.add("webhook events", known_events(names))


def client_events(response: ProbeResponse) -> list[str]:
    """Return the names of the catalogue's events about clients."""
    names = [str(each.get("event")) for each in _objects(response)]
    return [name for name in names if name.startswith(PREFIX)]


def known_events(names: Sequence[str]) -> Finding:
    """Judge the events about clients that the API's catalogue names."""
    if others := [name for name in names if name not in CATALOGUE]:
        return note(", ".join(others), "an event with such a name ages all lists of all callers")
    return ok(", ".join(names))


def registration(response: ProbeResponse, endpoint: Endpoint, names: Sequence[str] = ()) -> Finding:
    """Judge the list of registered webhooks."""
    if (unread := meaning(UNREAD, response)) is not None:
        return unread
    registered, url = _objects(response), endpoint.url.rstrip("/")
    own = [each for each in registered if str(each.get("url")).rstrip("/") == url]
    if not own:
        what = ", ".join(names) or ALL
        return fail(
            f"none of {len(registered)} is for {endpoint.url}",
            f"register that URL for the events {what} with a secret of GATEWAY_WEBHOOK_SECRETS: in"
            " the app, or by POST /webhooks with url, events and secret",
        )
    found = [_judged(each, endpoint.secrets) for each in own]
    return min(found, key=lambda each: each.severity == "FAIL")


def _judged(registered: dict[str, Any], secrets: Sequence[str]) -> Finding:
    events = [str(name) for name in registered.get("events") or ()]
    ours = [name for name in events if name == ALL or name.startswith(PREFIX)]
    secret = registered.get("secret")
    if registered.get("active") is False:
        return fail("it is registered and not active", "activate it in the app")
    if not ours:
        return fail("it is registered for no event about clients", f"add client events, or {ALL}")
    if not secrets:
        return fail(
            "this gateway has no secret", "set GATEWAY_WEBHOOK_SECRETS to the registered one"
        )
    if isinstance(secret, str) and secret not in secrets:
        return fail("its secret is none of GATEWAY_WEBHOOK_SECRETS", "deliveries are refused (401)")
    last = registered.get("last_triggered") or "never"
    return ok(f"registered for {', '.join(ours)}; last delivered: {last}")


def _objects(response: ProbeResponse) -> list[dict[str, Any]]:
    data = response.body.get("data")
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []
