"""What the dependencies that speak HTTP do not promise; no other private name is used anywhere."""

import ast
import asyncio
import inspect
from importlib.metadata import version
from typing import Any, TypeGuard

import httptools
import httpx2
import pytest
import uvicorn

from gateway.server import undocumented
from tests.packaging.recipes import ROOT

PRIVATE = {
    ("gateway/cli/completion.py", "_actions"),
    ("gateway/cli/completion.py", "_group_actions"),
    ("gateway/cli/completion.py", "_subparsers"),
    ("schema/strawberry_internals.py", "_schema"),
}
"""The private names in use: argparse's commands and options, Strawberry's core schema."""


def private_names() -> set[tuple[str, str]]:
    """The file and the name of each private attribute that its own module does not define."""
    found = set()
    for package in ("gateway", "schema"):
        for file in (ROOT / package).rglob("*.py"):
            if "node_modules" in file.parts:
                continue
            used = [each for each in ast.walk(ast.parse(file.read_text())) if is_private(each)]
            own = {each.attr for each in used if is_own(each.value)} | {
                "_asdict",
                "_make",
                "_replace",
            }
            found |= {(str(file.relative_to(ROOT)), each.attr) for each in used} - {
                (str(file.relative_to(ROOT)), name) for name in own
            }
    return found


def is_private(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return (
        isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
    )


def is_own(value: ast.expr) -> bool:
    """Whether a value is `self`, `cls` or `super()`."""
    name = value.func if isinstance(value, ast.Call) else value
    return isinstance(name, ast.Name) and name.id in {"self", "cls", "super"}


def test_no_other_private_name_of_a_dependency_is_used() -> None:
    assert private_names() == PRIVATE
    assert len({name for _, name in PRIVATE}) <= 4


def missing(package: str, of: object, names: str) -> str:
    """What a dependency has no longer, and what to do then; nothing if it has all."""
    gone = [name for name in names.split() if not hasattr(of, name)]
    if not gone:
        return ""
    return (
        f"{package} {version(package)} has no {', '.join(gone)} in {of!r}:"
        f" keep the pin of {package} in pyproject.toml below this version, or change the module"
        " that uses it"
    )


async def application(*_: Any) -> None: ...


@pytest.mark.parametrize(
    ("of", "names"),
    [
        (undocumented, " ".join(undocumented.__all__)),
        (undocumented.ServerState(), "connections tasks default_headers total_requests"),
        (
            uvicorn.Server(uvicorn.Config(application)),
            "startup capture_signals serve started should_exit force_exit",
        ),
        (uvicorn.Config, "asgi_version load"),
        (undocumented.RequestResponseCycle, "run_asgi send send_500_response"),
        (undocumented.FlowControl, "pause_reading resume_reading pause_writing resume_writing"),
    ],
    ids=["names", "state", "server", "config", "exchange", "flow"],
)
def test_uvicorn_has_what_the_server_takes_of_it(of: object, names: str) -> None:
    assert not missing("uvicorn", of, names)


async def test_uvicorn_makes_and_reads_an_exchange_as_the_server_does() -> None:
    cycle = undocumented.RequestResponseCycle
    arguments = dict.fromkeys(list(inspect.signature(cycle).parameters))
    assert list(arguments) == [
        *("scope", "transport", "flow", "logger", "access_logger", "access_log"),
        *("default_headers", "message_event", "expect_100_continue", "keep_alive", "on_response"),
    ], f"uvicorn {version('uvicorn')} makes exchanges otherwise: change server/exchange.py"
    exchange = cycle(**arguments | {"message_event": asyncio.Event()})  # type: ignore[arg-type]

    read = "scope body more_body disconnected message_event keep_alive"
    assert not missing("uvicorn", exchange, f"{read} response_started response_complete")


def test_httptools_keeps_the_error_of_a_callback_as_the_context_of_its_own() -> None:
    class Refusing:
        def on_header(self, name: bytes, value: bytes) -> None:
            del name, value
            raise LookupError

    parser = httptools.HttpResponseParser(Refusing())
    assert not missing(
        "httptools", parser, "feed_data get_status_code get_http_version should_keep_alive"
    )
    with pytest.raises(httptools.HttpParserError) as raised:
        parser.feed_data(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n")

    assert isinstance(raised.value.__context__, LookupError), (
        f"httptools {version('httptools')} drops the error: see gateway/transport/parser.py"
    )


def test_httpx2_has_what_the_transport_takes_of_it() -> None:
    assert not missing(
        "httpx2",
        httpx2,
        "AsyncHTTPTransport AsyncBaseTransport AsyncByteStream ByteStream Limits Proxy"
        " ConnectError ConnectTimeout PoolTimeout ProxyError ProtocolError TimeoutException"
        " TransportError",
    )
