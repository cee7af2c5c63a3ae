"""The commands. A configuration error is reported in one line with exit status 2.

Each command imports only what it needs: all imports together take half a second of CPU.
"""

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from http import HTTPStatus

from gateway.cli.parser import parser
from gateway.logs import configure
from gateway.settings import PREFIX, ConfigurationError, load_settings

EXIT_USAGE = 2
"""Exit status of errors that the operator can correct."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command."""
    options = parser().parse_args(arguments)
    configure()
    try:
        status = _COMMANDS[options.command](options)
        sys.stdout.flush()
    except ConfigurationError as error:
        status = _fail(str(error))
    except KeyboardInterrupt:
        status = 130
    except BrokenPipeError:  # the reader of the output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 141
    sys.exit(status)


def _fail(reason: str) -> int:
    print(f"clients-gateway: {reason}", file=sys.stderr)
    return EXIT_USAGE


@contextlib.contextmanager
def _no_collections() -> Iterator[None]:
    """Import without garbage collections: what is imported stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _run(options: argparse.Namespace) -> int:
    with _no_collections():
        from gateway.cli.demo import run

    settings = load_settings(os.environ, **_overrides(port=options.port))
    configure(level=settings.log_level)
    shown = dict.fromkeys({"graphiql", "introspection"} - settings.model_fields_set, True)
    return run(settings.model_copy(update=shown))


def _serve(options: argparse.Namespace) -> int:
    with _no_collections():
        from gateway.cli.serve import serve

    settings = load_settings(os.environ, **_overrides(port=options.port))
    configure(level=settings.log_level)
    return serve(settings, options.workers)


def _sandbox(options: argparse.Namespace) -> int:
    from gateway.sandbox.api import Sandbox
    from gateway.sandbox.catalogue import FAULTS, UnknownFault, parsed
    from gateway.sandbox.faults import InjectedFaults
    from gateway.sandbox.users import DEMO
    from gateway.sandbox.webhooks import Webhooks
    from gateway.server.uvicorn import Listener, bind, run, serve

    if not 0 <= options.port <= 65_535:  # noqa: PLR2004
        return _fail("--port must be from 0 to 65535")
    if "list" in options.fault:
        print("\n".join(f"{name:22}{line}" for name, (line, _) in FAULTS.items()))
        return 0
    webhooks = None
    if options.webhook is not None:
        webhooks = Webhooks(options.webhook, options.webhook_secret)
    logging.getLogger("uvicorn.error").addFilter(InjectedFaults())
    api = Sandbox(webhooks=webhooks)
    try:
        api.fail(*map(parsed, options.fault))
    except UnknownFault as error:
        return _fail(str(error))
    socket = bind("127.0.0.1", options.port)

    def started() -> None:
        host, port = socket.getsockname()[:2]
        print(f"Sandbox   http://{host}:{port}/v1/clients")
        for name in options.fault:
            print(f"Fault     {name}: {FAULTS[name.partition(':')[0]][0]}")
        print(f"Demo key  {DEMO.api_key}", flush=True)

    return 0 if run(serve([Listener(api, socket)], started)) else 1


def _schema(options: argparse.Namespace) -> int:
    from schema.graph import Graph

    sdl = Graph().schema.as_str() + "\n"
    try:
        if (file := options.check) is not None:
            if file.exists() and file.read_bytes() == sdl.encode():
                return 0
            renew = f"renew it with: clients-gateway schema --out {file}"
            return _fail(f"{file} is not the graph's SDL; {renew}")
        if options.out is not None:
            options.out.write_text(sdl, "utf-8")
            return 0
    except OSError as error:
        return _fail(f"{error.filename} cannot be used: {error.strerror}")
    print(sdl, end="")
    return 0


def _explain(options: argparse.Namespace) -> int:
    from gateway.cli.explain import ExplainError, fetch_explanation, format_table

    try:
        document = options.file.read_text("utf-8")
        variables = json.loads(options.variables)
    except OSError as error:
        return _fail(f"{options.file} cannot be read: {error.strerror}")
    except ValueError:
        return _fail("--variables must be a JSON object, and the document UTF-8")
    try:
        explanation = fetch_explanation(options.url, document, variables, options.key)
    except ExplainError as reason:
        return _fail(str(reason))
    print(json.dumps(explanation) if options.json else "\n".join(format_table(explanation)))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from gateway.cli.doctor import RESPONSE_SECONDS, run_checks
    from gateway.cli.doctor.registration import Endpoint
    from gateway.upstream_client import create_transport

    settings = load_settings(os.environ)
    if settings.api_key is None:
        return _fail(f"doctor needs the operator's API key: set {PREFIX}API_KEY")
    if (options.webhook is None) is not (options.broker_token_file is None):
        return _fail("--webhook and --broker-token-file go together")
    token, webhook = None, None
    if options.broker_token_file is not None:
        webhook = Endpoint(options.webhook, settings.webhook_secrets)
        try:
            token = options.broker_token_file.read_text("ascii").strip()
        except (OSError, ValueError):
            return _fail(f"{options.broker_token_file} cannot be read, or holds no token")
    patient = settings.model_copy(update={"upstream_timeout": RESPONSE_SECONDS})
    return asyncio.run(
        run_checks(
            settings.upstream_url,
            settings.api_key,
            create_transport(patient),
            write=options.write,
            webhook=webhook,
            broker_token=token,
            as_json=options.json,
        )
    )


def _config(options: argparse.Namespace) -> int:
    from gateway.cli.config import format_settings, settings_sources

    settings = load_settings(os.environ)
    if not options.check:
        print("\n".join(format_settings(settings, settings_sources())))
        return 0
    from gateway.app import create_app

    create_app(settings)
    print("The settings are valid, and so are the files that they name.")
    return 0


def _webhook_test(options: argparse.Namespace) -> int:
    from gateway.cli.webhook_test import WebhookTestError, send_sample

    secrets = load_settings(os.environ).webhook_secrets
    if not secrets:
        return _fail(f"webhook-test needs the secret of the webhook: set {PREFIX}WEBHOOK_SECRETS")
    try:
        status, meaning = send_sample(options.url, secrets[0])
    except WebhookTestError as reason:
        return _fail(str(reason))
    print(f"{status}: {meaning}")
    return 0 if status == HTTPStatus.NO_CONTENT else 1


def _completion(options: argparse.Namespace) -> int:
    from gateway.cli.completion import completion_script

    print(completion_script(parser(), options.shell))
    return 0


def _overrides(**flags: object) -> dict[str, object]:
    return {name: value for name, value in flags.items() if value is not None}


_COMMANDS = {
    "run": _run,
    "serve": _serve,
    "sandbox": _sandbox,
    "schema": _schema,
    "explain": _explain,
    "doctor": _doctor,
    "config": _config,
    "webhook-test": _webhook_test,
    "completion": _completion,
}
