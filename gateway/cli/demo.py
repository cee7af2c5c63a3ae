"""The demo: the gateway and a sandbox of the API, in one process on loopback."""

from __future__ import annotations

import logging
import sys
from secrets import token_hex
from typing import TYPE_CHECKING

from gateway.addresses import authority, is_loopback
from gateway.app import GRAPHQL_PATH, STATUS_PATH, WEBHOOK_PATH, create_app
from gateway.cli.demo_page import DEMO_PATH, WithDemoPage
from gateway.cli.metrics import bind_metrics, metrics_url, with_metrics
from gateway.configuration import connection_limits
from gateway.sandbox.api import Sandbox
from gateway.sandbox.faults import InjectedFaults
from gateway.sandbox.users import DEMO
from gateway.sandbox.webhooks import Webhooks
from gateway.server import uvicorn as server
from gateway.settings import ConfigurationError

if TYPE_CHECKING:
    from gateway.settings import Settings

BANNER = """\
clients-gateway: a demo on sandbox data. Nothing here reaches the real API.

  Table      {table}
  GraphiQL   {url}
  Budget     {status}
  Webhooks   {webhooks}, to which the sandbox reports each write
  Sandbox    {sandbox}/v1/clients
  Demo key   {key}{metrics}

Try it:

  curl -s {url} -H 'Content-Type: application/json' \\
    -d '{{"query":"{{ clients(first: 3) {{ edges {{ node {{ fullName email }} }} }} }}"}}'

Ctrl-C stops both."""


def run(settings: Settings) -> int:
    """Serve until stopped. Return the exit status."""
    if not is_loopback(settings.host):
        raise ConfigurationError(
            f"the demo needs no credential, so it listens on loopback only, not on {settings.host};"
            " use `serve` for a real gateway"
        )
    gateway = server.bind(settings.host, settings.port)
    sandbox = server.bind("127.0.0.1", 0)
    host, port = gateway.getsockname()[:2]
    upstream = f"http://127.0.0.1:{sandbox.getsockname()[1]}"
    origin = f"http://{authority(host, port)}"
    secret = (*settings.webhook_secrets, token_hex())[0]
    settings = settings.model_copy(
        update={"upstream_url": f"{upstream}/v1", "webhook_secrets": (secret,)}
    )
    logging.getLogger("uvicorn.error").addFilter(InjectedFaults())
    api = Sandbox(webhooks=Webhooks(f"{origin}{WEBHOOK_PATH}", secret))
    metrics = bind_metrics(settings.metrics_address, gateway)
    app = create_app(settings, demo_key=DEMO.api_key)

    def started() -> None:
        shown = BANNER.format(
            table=f"{origin}{DEMO_PATH}",
            url=f"{origin}{GRAPHQL_PATH}",
            status=f"{origin}{STATUS_PATH}",
            webhooks=f"{origin}{WEBHOOK_PATH}",
            sandbox=upstream,
            key=DEMO.api_key,
            metrics="".join(f"\n  Metrics    {metrics_url(each)}" for each in metrics),
        )
        print(shown, flush=True)  # noqa: T201

    page, limits = WithDemoPage(app), connection_limits(settings)
    site = server.Listener(page, gateway, limits, app.direct, app.cors, app.websockets)
    listeners = [*with_metrics(site, app, metrics), server.Listener(api, sandbox)]
    succeeded = server.run(server.serve(listeners, started))
    if succeeded:
        print("\nStopped.", file=sys.stderr)  # noqa: T201
    return 0 if succeeded else 1
