"""The parser of the command line."""

from __future__ import annotations

from argparse import (
    ArgumentParser,
    ArgumentTypeError,
    RawDescriptionHelpFormatter,
    _SubParsersAction,
)
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from gateway.settings import PREFIX

PROGRAM = "clients-gateway"
_MOST_WORKERS = 64
SHELLS = ("bash", "zsh", "tcsh")
_PORT = f"port to listen on (default {PREFIX}PORT or 8000)"
_JSON = "print JSON instead, for programs"


def parser() -> ArgumentParser:
    """Return the parser of the command line."""
    gateway = ArgumentParser(
        prog=PROGRAM,
        description="A GraphQL gateway over the ActuallyCare Clients REST API.",
        epilog=f"Settings come from the environment and .env, as {PREFIX}*; `{PROGRAM} config`"
        f" prints them. `{PROGRAM} COMMAND --help` has examples of a command.",
    )
    gateway.add_argument("--version", action="version", version=f"{PROGRAM} {version(PROGRAM)}")
    commands = gateway.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for add in (_add_servers, _add_sandbox, _add_schema, _add_explain, _add_checks, _add_others):
        add(partial(_add_command, commands))
    return gateway


def _add_command(
    commands: _SubParsersAction[ArgumentParser], name: str, purpose: str, *examples: str
) -> ArgumentParser:
    lines = [f"  {example.replace('%', '%%')}" for example in examples]
    return commands.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog="\n".join(["examples:", *lines]),
        formatter_class=RawDescriptionHelpFormatter,
    )


def _url(text: str) -> str:
    """Return an argument that is a URL. Raises `ArgumentTypeError` for another."""
    try:
        parts = urlsplit(text)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return text
    except ValueError:
        pass  # brackets without an IPv6 address, or a port that is no number
    raise ArgumentTypeError(f"{text!r} is not a URL like http://127.0.0.1:8000/graphql")


def _count(text: str) -> int:
    """Return an argument that is a number of processes. Raises `ArgumentTypeError` for another."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_WORKERS:
        return int(text)
    raise ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST_WORKERS}")


def _add_servers(command: Callable[..., ArgumentParser]) -> None:
    run = command(
        "run",
        "run the demo: the gateway and a sandbox of the API",
        f"{PROGRAM} run",
        f"{PROGRAM} run --port 9000",
    )
    serve = command(
        "serve",
        "run the gateway for the configured API",
        f"{PROGRAM} serve",
        f"{PREFIX}API_KEY_FILE=/run/secrets/api-key {PROGRAM} serve --port 9000",
        f"{PREFIX}VALKEY_URL=valkey://127.0.0.1:6379 {PROGRAM} serve --workers 4",
    )
    serve.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help=f"processes that share the port; several need {PREFIX}VALKEY_URL (default 1)",
    )
    for server in (run, serve):
        server.add_argument("--port", type=int, help=_PORT)


def _add_sandbox(command: Callable[..., ArgumentParser]) -> None:
    sandbox = command(
        "sandbox",
        "run the sandbox of the Clients API alone",
        f"{PROGRAM} sandbox",
        f"{PROGRAM} sandbox --fault proxy-502:0.2 --fault slow",
        f"{PROGRAM} sandbox --fault list",
    )
    sandbox.add_argument("--port", type=int, default=8001, help="port to listen on (default 8001)")
    sandbox.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:SHARE]",
        help="inject a fault into all calls or a share of them; repeatable; `list` shows all",
    )
    sandbox.add_argument(
        "--webhook",
        type=_url,
        metavar="URL",
        help="report each write to this address, as a webhook",
    )
    sandbox.add_argument(
        "--webhook-secret",
        metavar="SECRET",
        default="sandbox-webhook-secret",
        help="the secret that signs webhooks (default %(default)s)",
    )


def _add_schema(command: Callable[..., ArgumentParser]) -> None:
    schema = command(
        "schema",
        "print the graph's SDL",
        f"{PROGRAM} schema --out schema.graphql",
        f"{PROGRAM} schema --check schema.graphql",
    )
    schema.add_argument("--out", type=Path, help="write it to this file instead")
    schema.add_argument("--check", type=Path, help="fail if this file differs from the SDL")


def _add_explain(command: Callable[..., ArgumentParser]) -> None:
    explain = command(
        "explain",
        "show the price of an operation by a running gateway, without a call to the API",
        f"{PROGRAM} explain page.graphql",
        f"{PROGRAM} explain page.graphql --variables '{{\"first\": 20}}' --json",
    )
    explain.add_argument("file", type=Path, help="the GraphQL document")
    explain.add_argument("--variables", default="{}", help="its variables, as a JSON object")
    explain.add_argument("--key", help="the API key of the request; the demo needs none")
    explain.add_argument(
        "--url",
        type=_url,
        default="http://127.0.0.1:8000/graphql",
        help="the gateway's GraphQL address (default %(default)s)",
    )
    explain.add_argument("--json", action="store_true", help=_JSON)


def _add_checks(command: Callable[..., ArgumentParser]) -> None:
    doctor = command(
        "doctor",
        "check how the configured API behaves",
        f"{PREFIX}API_KEY_FILE=api-key {PROGRAM} doctor",
        f"{PROGRAM} doctor --write --json",
        f"{PROGRAM} doctor --webhook https://gateway.example/webhooks/clients"
        " --broker-token-file token",
    )
    doctor.add_argument(
        "--write", action="store_true", help="also create, change and delete one client"
    )
    doctor.add_argument(
        "--webhook",
        type=_url,
        metavar="URL",
        help="also check whether a webhook is registered for this address of the gateway",
    )
    doctor.add_argument(
        "--broker-token-file",
        type=Path,
        metavar="FILE",
        help="file with the JWT of a broker, who may read the registered webhooks",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON Lines, for programs")
    config = command(
        "config",
        "print each setting in force and where its value comes from; secrets are masked",
        f"{PROGRAM} config",
        f"{PROGRAM} config --check",
    )
    config.add_argument(
        "--check",
        action="store_true",
        help="print no settings; check them and the files that they name, and fail on a mistake",
    )


def _add_others(command: Callable[..., ArgumentParser]) -> None:
    webhook_test = command(
        "webhook-test",
        "send a signed sample of a webhook to a running gateway, and print its answer",
        f"{PREFIX}WEBHOOK_SECRETS_FILE=webhook-secret {PROGRAM} webhook-test",
    )
    webhook_test.add_argument(
        "--url",
        type=_url,
        default="http://127.0.0.1:8000/webhooks/clients",
        help="the gateway's address for webhooks (default %(default)s)",
    )
    completion = command(
        "completion",
        "print the completion script of a shell",
        f"{PROGRAM} completion bash > ~/.local/share/bash-completion/completions/{PROGRAM}",
        f"{PROGRAM} completion zsh > ~/.zfunc/_{PROGRAM}",
    )
    completion.add_argument("shell", choices=SHELLS, help="the shell")
