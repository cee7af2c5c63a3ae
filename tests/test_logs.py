"""Planted secrets are looked for wherever the gateway writes, answers or remembers."""

import ast
import asyncio
import base64
import io
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.app import create_app
from gateway.logs import JSONFormatter, configure, redact, redact_credentials
from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import DEMO
from gateway.storage.state_dir import open_state_dir
from gateway.transport.messages import Request, Response
from gateway.web.request import GraphQLRequest
from gateway.writes.idempotency_store import TABLES
from schema.source.request_context import Caller, Credential
from tests.clockwork import REAL
from tests.gateway.conftest import settings
from tests.in_process import InProcess

WORDS = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
KEYS = st.text("0123456789abcdefABCDEF", min_size=64, max_size=64)
SAFE = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=8)


def _part(claims: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()


TOKENS = st.builds(
    lambda subject, signature: f"{_part({'alg': 'HS256'})}.{_part({'sub': subject})}.{signature}",
    WORDS,
    SAFE,
)
EMAILS = st.builds(lambda who, tag, host: f"{who}+{tag}@{host}.example", WORDS, WORDS, WORDS)
DIGITS = st.text("0123456789", min_size=4, max_size=4)
PHONES = st.builds(
    lambda form, area, line: form.format(area=area[:3], exchange=area[1:], line=line),
    st.sampled_from(
        [
            "+1 {area} {exchange} {line}",
            "+1{area}{exchange}{line}",
            "({area}) {exchange}-{line}",
            "{area}-{exchange}-{line}",
            "{area}.{exchange}.{line}",
            "1{area}{exchange}{line}",
            "+44 20 {line} {line}",
        ]
    ),
    DIGITS,
    DIGITS,
)
AROUND = st.sampled_from(
    [
        "{}",
        "invalid value '{}' at 'input'",
        '{{"email": "{}", "n": 1}}',
        "https://api.example/v1/clients?q={}&page=2",
        "KeyError: ('{}', None)",
        "[b'{}']",
        "sent <{}>; got nothing",
        "first line\nsecond: {}\nthird",
    ]
)


@given(KEYS | TOKENS | EMAILS | PHONES, AROUND)
def test_no_secret_is_left_in_a_log_line(secret: str, around: str) -> None:
    line = redact(around.format(secret))

    assert secret not in line


@given(SAFE, st.sampled_from(["X-API-Key", "authorization", "X-Gateway-Token", "Cookie"]))
def test_what_stands_behind_the_name_of_a_credential_is_taken_out(value: str, name: str) -> None:
    for text in (
        f"{name}: {value}",
        f"{{'{name}': '{value}'}}",
        f"[('{name}', 'Bearer {value}')]",
        f"(b'{name}', b'{value}')",
        f'"{name}": "{value}"',
        f"{name}={value}",
    ):
        assert value not in redact_credentials(text)


@pytest.mark.parametrize(
    "text",
    [
        "write 3f2504e0-4f89-41d3-9a0c-0305e82c3301 was sent and its answer was lost",
        "Variable '$first' got invalid value 2147483648.",
        'File "/app/gateway/web/asgi.py", line 123, in _answer',
        "cannot listen on 127.0.0.1:8000",
        "request 4bf92f3577b34da6a3ce929d0e0e4736 failed at ['clients', 'edges', 0]",
        "429 after 500 calls, 899.5 seconds left",
        "Send a key in X-API-Key or a bearer token in Authorization.",
        "Send one credential: X-API-Key or Authorization, once.",
        "The bearer token has expired: refresh it and ask again.",
        "Authorization must be `Bearer` and one JWT.",
        "A cookie, a basic idea, basic.",
        "Unknown directive '@cost'.",
    ],
)
def test_what_is_no_secret_is_left_as_it_is(text: str) -> None:
    assert redact_credentials(text) == text
    assert redact(text).replace("[phone]", "2147483648") == text


def sentences() -> Iterator[str]:
    """Every text that our own code can say, docstrings included."""
    for package in ("gateway", "schema"):
        for file in Path(package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                text = node.value if isinstance(node, ast.Constant) else None
                if isinstance(text, str) and " " in text and "(?:" not in text:  # no pattern
                    yield text


def test_no_sentence_of_ours_is_changed() -> None:
    changed = [text for text in sentences() if redact_credentials(text) != text]

    assert changed == []
    assert sum("bearer" in text.lower() for text in sentences()) > 3


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Bearer abc.def", "Authorization: [hidden]"),
        ("sent Bearer aGVsbG8 twice", "sent Bearer [hidden] twice"),
        ("basic YTpi", "basic [hidden]"),
        ("a bearer of-news-1", "a bearer [hidden]"),
        ("Bearer abcdefghijklmnopqrst", "Bearer [hidden]"),
        ("BEARER secret-1, and more", "BEARER [hidden], and more"),
    ],
)
def test_a_value_is_hidden_and_the_sentence_around_it_left(text: str, left: str) -> None:
    assert redact_credentials(text) == left


def test_a_record_is_one_line_of_json_whatever_it_holds() -> None:
    try:
        raise ValueError(f"two\nlines about {DEMO.api_key}")
    except ValueError:
        record = logging.LogRecord(
            "a.logger", logging.ERROR, "", 0, "it\nfailed: %s", ("jo@x.example",), sys.exc_info()
        )
    line = JSONFormatter().format(record)

    payload = json.loads(line)
    assert "\n" not in line
    assert (payload["level"], payload["logger"], payload["message"]) == (
        "ERROR",
        "a.logger",
        "it\nfailed: [email]",
    )
    assert payload["time"].endswith("+00:00")
    assert payload["error"].endswith("ValueError: two\nlines about [key]")


def test_a_long_line_is_redacted_without_long_searching() -> None:
    for text in (
        "a" * 200_000,
        "1 " * 100_000,
        "eyJ" * 60_000,
        "x-api-key" * 20_000,
        "@" * 200_000,
    ):
        assert isinstance(redact(text), str)


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    return REAL  # a disk takes the time it takes


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that any logger writes, down to the last detail."""
    root, level, handlers = logging.getLogger(), logging.root.level, logging.root.handlers[:]
    named = [logging.getLogger(name) for name in ("httpx2", "httpcore2", "uvicorn", "asyncio")]
    levels = [logger.level for logger in named]
    loud = logging.raiseExceptions
    written = io.StringIO()
    configure(written)
    root.setLevel(logging.DEBUG)
    for logger in named:
        logger.setLevel(logging.DEBUG)
    yield written
    for logger, before in zip(named, levels, strict=True):
        logger.setLevel(before)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = loud


class Leaky(InProcess):
    """An API that puts its callers' credentials and its clients' data into every failure."""

    async def handle(self, request: Request[Any]) -> Response:
        text = f"{request.headers.sent_fields} {request.content!r} {EMAIL} {PHONE}"
        logging.getLogger("httpx2").debug("sending %s", text)
        raise RuntimeError(text)


EMAIL, PHONE = "jordan.lee+planted@example.com", "+1 661 555 0123"
TOKEN = f"{_part({'alg': 'none'})}.{_part({'sub': 'planted'})}.c2lnbmF0dXJlLXBsYW50ZWQ"
CREATE = """mutation ($email: String, $phone: String) {
  createClient(
    input: { firstName: "A", lastName: "B", clientType: BUYER, email: $email, phone: $phone }
  ) {
    __typename
  }
}"""


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[Any]:
    clock = asyncio.get_running_loop().time
    state = open_state_dir(tmp_path / "state", TABLES)
    yield create_app(settings(), state=state, wire=Leaky(Sandbox()), clock=clock)
    await state.database.aclose()


async def test_planted_secrets_are_in_no_log_and_credentials_in_no_answer(
    app: Any, log: io.StringIO
) -> None:
    credentials = (DEMO.api_key, TOKEN)
    variables = {"email": EMAIL, "phone": PHONE}
    bodies: list[Any] = [
        {"query": CREATE, "variables": variables},
        {"query": "{ clients { totalCount } }"},
        {"query": f'{{ client(id: "{DEMO.api_key}") {{ id }} }}'},
        {"query": "query ($id: ID!) { client(id: $id) { id } }", "variables": {"id": [TOKEN]}},
        {"query": "{ __typename }", "operationName": TOKEN},
        {"query": f"{{ a{DEMO.api_key} }}"},
        {"documentId": DEMO.api_key},
        {"query": f"{{ {EMAIL} {PHONE}"},
    ]
    answers = []
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http:
        for header in ({"X-API-Key": DEMO.api_key}, {"Authorization": f"Bearer {TOKEN}"}):
            answers += [
                (await http.post("/graphql", json=body, headers=header)).text for body in bodies
            ]
        both = {"X-API-Key": DEMO.api_key, "Authorization": f"Bearer {TOKEN}"}
        answers.append((await http.post("/graphql", json=bodies[0], headers=both)).text)

    written = log.getvalue()
    assert "RuntimeError" in written
    assert all(json.loads(line) for line in written.splitlines())
    assert [secret for secret in (*credentials, EMAIL, PHONE) if secret in written] == []
    assert [secret for secret in credentials for answer in answers if secret in answer] == []


def test_no_repr_shows_a_secret() -> None:
    credential = Credential("Authorization", f"Bearer {TOKEN}")
    request = GraphQLRequest(
        f"{{ a(b: {EMAIL}) }}", variables={"email": EMAIL, "key": DEMO.api_key}
    )

    shown = f"{credential!r} {Caller('p', credential)!r} {request!r}"

    assert [secret for secret in (TOKEN, EMAIL, DEMO.api_key) if secret in shown] == []


def held(thing: Any, seen: dict[int, Any]) -> Iterator[str]:
    """Every text that can be reached from a thing."""
    if id(thing) in seen:
        return
    seen[id(thing)] = thing  # kept, so that nothing else gets its id
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, bytes):
        yield thing.decode("latin-1")
    elif isinstance(thing, dict):
        for pair in list(thing.items()):
            yield from held(pair, seen)
    elif isinstance(thing, (list, tuple, set, frozenset)):
        for each in list(thing):
            yield from held(each, seen)
    elif type(thing).__module__.startswith(("gateway", "schema", "cachetools", "collections")):
        slots = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
        slots += getattr(thing, "__struct_fields__", ())
        yield from held(getattr(thing, "__dict__", {}), seen)
        yield from held([getattr(thing, name, None) for name in slots], seen)


async def test_no_credential_is_remembered_or_kept(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    state = open_state_dir(folder, TABLES)
    clock = asyncio.get_running_loop().time
    app = create_app(settings(), state=state, wire=InProcess(Sandbox()), clock=clock)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http:
        body = {"query": "{ clients { totalCount edges { node { id email } } } }"}
        answer = await http.post("/graphql", json=body, headers={"X-API-Key": DEMO.api_key})
    assert answer.json()["data"]["clients"]["totalCount"] == 42
    await state.database.aclose()

    remembered = list(held(app, {}))
    assert any("@" in text for text in remembered), "the walk did not reach the store"
    assert not any(DEMO.api_key in text for text in remembered)
    assert not any(
        DEMO.api_key.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file()
    )
