"""The `serve` command: the gateway in this process, or in several that share its port."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING

from gateway.addresses import authority
from gateway.app import GRAPHQL_PATH, create_app
from gateway.cli.metrics import bind_metrics, metrics_url, with_metrics
from gateway.configuration import connection_limits
from gateway.detached_tasks import DetachedTasks
from gateway.server import uvicorn as server
from gateway.server.graceful_stop import GracefulStop
from gateway.settings import PREFIX, ConfigurationError, Settings
from gateway.storage.database import StorageError
from gateway.storage.state_dir import in_memory, open_state_dir
from gateway.writes.idempotency_store import TABLES

if TYPE_CHECKING:
    from gateway.app import GatewayApp
    from gateway.server.workers.process import Supervised
    from gateway.storage.state_dir import State

_log = logging.getLogger(__name__)


def serve(settings: Settings, workers: int) -> int:
    """Serve until stopped, in so many processes. Return the exit status.

    Raises `ConfigurationError` for several without a server that they share.
    """
    if workers > 1 and settings.valkey_url is None:
        raise ConfigurationError(
            f"--workers {workers} needs {PREFIX}VALKEY_URL: without a shared budget each worker"
            " would spend the API's window as its own"
        )
    listening = server.bind(settings.host, settings.port)
    metrics = bind_metrics(settings.metrics_address, listening, workers)
    state, description = _state(settings.state_dir)
    announce = partial(_announce, settings, description, listening, metrics)
    if workers == 1:
        return _run(settings, listening, metrics, state, announce)
    return _supervise(settings, workers, listening, metrics, state, announce)


def _run(  # noqa: PLR0913, PLR0917 - what is opened before this process may begin
    settings: Settings,
    listening: socket,
    metrics: Sequence[socket],
    state: State,
    started: Callable[[], None],
    supervised: Supervised | None = None,
) -> int:
    """Serve in this process."""
    app = create_app(settings, state=state)
    reloads = DetachedTasks()

    def up() -> None:
        if settings.trusted_documents_file is not None:
            server.on_hangup(lambda: reloads.start(_reload(app)))
        started()

    def stopping(drain: Callable[[], None]) -> None:
        if supervised is None:
            server.on_signals(GracefulStop(app.leave, drain, settings.shutdown_delay).begin)
        else:
            supervised.listen(GracefulStop(app.leave, drain))

    limits = connection_limits(settings)
    site = server.Listener(app, listening, limits, app.direct, app.cors, app.websockets)
    if supervised is not None:
        site = replace(site, accepted=1)
    sites = with_metrics(site, app, metrics)
    return 0 if server.run(server.serve(sites, up, stopping)) else 1


def _supervise(  # noqa: PLR0913, PLR0917 - as above
    settings: Settings,
    workers: int,
    listening: socket,
    metrics: Sequence[socket],
    state: State,
    announce: Callable[[Sequence[int]], None],
) -> int:
    """Serve in several processes, each with its own metrics and its own connection to the state."""
    from gateway.server.workers.supervisor import Supervisor  # noqa: PLC0415 - seldom used

    create_app(settings)  # a mistake is reported here, once
    state.database.close()

    def work(number: int, supervised: Supervised) -> int:
        own = in_memory(trusted=False)
        if state.durable:
            own, description = _state(settings.state_dir)
            if not own.durable:
                _log.error("worker %d has a state that is %s", number + 1, description)
        ports = metrics[number : number + 1]
        return _run(settings, listening, ports, own, supervised.beat, supervised)

    supervisor = Supervisor(
        workers,
        work,
        listening,
        announce,
        delay=settings.shutdown_delay,
        reloads=settings.trusted_documents_file is not None,
    )
    gc.freeze()  # collections of the workers do not copy what they share
    return supervisor.run()


def _announce(
    settings: Settings,
    state: str,
    listening: socket,
    metrics: Sequence[socket],
    processes: Sequence[int] = (),
) -> None:
    """Print where the gateway is reached and what it acts on."""
    print(f"State     {state}")
    print(f"GraphQL   http://{authority(*listening.getsockname()[:2])}{GRAPHQL_PATH}")
    if processes:
        print(f"Workers   {len(processes)}: processes {', '.join(map(str, processes))}")
    for each in metrics:
        print(f"Metrics   {metrics_url(each)}")
    print(f"API       {settings.upstream_url}")
    if settings.valkey_url:
        print(f"Budget    shared by all gateways that name it {settings.budget}")
    credential = "the gateway's own key" if settings.api_key else "each caller's own"
    print(f"Acts by   {credential}", flush=True)


async def _reload(app: GatewayApp) -> None:
    try:
        count = await app.reload()
    except ConfigurationError as reason:
        _log.error("the trusted documents are unchanged: %s", reason)
        return
    # In one piece: other workers print the same line.
    print(f"Documents {count} trusted documents loaded\n", end="", flush=True)


def _state(folder: str) -> tuple[State, str]:
    """Open the state folder, or keep state in memory if it is unusable; describe the choice."""
    try:
        if folder == "none":
            raise StorageError(f"{PREFIX}STATE_DIR is none")
        return open_state_dir(Path(folder), TABLES), folder
    except StorageError as reason:
        description = f"not kept ({reason}): creates with an idempotencyKey are refused"
        return in_memory(trusted=False), description
