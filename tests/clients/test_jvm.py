"""The JVM's clients on plain http: the JDK's two, of which one offers h2c by default, and okhttp.

The JDK's `HttpClient` prefers HTTP/2, and on plain http sends `Connection: Upgrade, HTTP2-Settings`
with the first request of every connection. An upgrade that is not granted is ignored (RFC 9110,
7.8): these are ordinary requests.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.sandbox.api import Sandbox
from gateway.sandbox.users import ADA, GRACE
from tests.recorder import Recorder, recorder
from tests.serving import Serving, Way, serving
from tests.skips import JAVA, jar

PROGRAM = Path(__file__).parent / "jvm" / "Clients.java"
QUERY = "query One($id: ID!) { client(id: $id) { id email } }"
MUTATION = """
  mutation New($input: CreateClientInput!) {
    createClient(input: $input) { ... on CreateClientSuccess { client { firstName } } }
  }
"""
HTTPCLIENT = [
    f"httpclient {version} {body}"
    for version in ("2", "1.1")
    for body in ("whole", "pieces", "stream", "whole expect", "stream expect")
]
URLCONNECTION = [f"urlconnection {body}" for body in ("whole", "pieces", "stream")]
OKHTTP = [f"okhttp {body}" for body in ("whole", "pieces", "stream", "whole expect")]
EVERY = [*HTTPCLIENT, *URLCONNECTION, *OKHTTP]


class Reply(NamedTuple):
    status: int
    version: str
    body: str

    @property
    def data(self) -> Any:
        return json.loads(self.body)["data"]

    @property
    def codes(self) -> list[str]:
        """None without a body: `HttpURLConnection` gives none of a 401 to what it streamed."""
        errors = json.loads(self.body)["errors"] if self.body else []
        return [error["extensions"]["code"] for error in errors]


class Jvm:
    """A JVM that sends what it is given, see Clients.java."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin
        assert process.stdout
        self._in, self._out = process.stdin, process.stdout

    def ask(self, url: str, how: str, body: object, **headers: str) -> Reply:
        """The answer to one request."""
        (reply,) = self.at_once([(url, how, body, headers)])
        return reply

    def at_once(self, requests: list[tuple[str, str, object, dict[str, str]]]) -> list[Reply]:
        """The answers to several requests that are sent together, in their order."""
        for url, how, body, headers in requests:
            given = "|".join(f"{name.replace('_', '-')}: {headers[name]}" for name in headers)
            text = body if isinstance(body, str) else json.dumps(body)
            print(how, f"{url}/graphql", given, text, sep="\t", file=self._in)
        print(file=self._in, flush=True)
        answers = [self._out.readline().rstrip("\n").split("\t", 2) for _ in requests]
        assert self._out.readline() == "\n"
        return [Reply(int(status), version, text) for status, version, text in answers]


@pytest.fixture(scope="module")
def jvm() -> Iterator[Jvm]:
    jars = [jar("okhttp", "libokhttp-java"), jar("okio", "libokio-java")]
    with subprocess.Popen(  # noqa: S603 - the system's Java, our program
        [JAVA.path(), "-cp", os.pathsep.join(map(str, jars)), PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        yield Jvm(process)
        assert process.stdin
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.fixture(scope="module", params=list(Way), ids=lambda way: way.value)
def shared(request: pytest.FixtureRequest) -> Iterator[Serving]:
    with serving(Sandbox(), request.param) as served:
        yield served


@pytest.fixture
def gateway(shared: Serving) -> Serving:
    """One gateway for all of these tests; it remembers what was read, not what it cost."""
    shared.sandbox.calls.clear()
    return shared


@pytest.fixture
def relay(gateway: Serving) -> Iterator[Recorder]:
    with recorder(gateway.port) as recording:
        yield recording


def one(id: str) -> dict[str, Any]:
    return {"query": QUERY, "variables": {"id": id}}


@pytest.mark.parametrize("how", EVERY)
def test_a_query_is_answered_however_its_body_is_sent(jvm: Jvm, gateway: Serving, how: str) -> None:
    ada = ADA.clients()[EVERY.index(how)]

    reply = jvm.ask(gateway.url, how, one(ada["id"]), X_API_Key=ADA.api_key)

    assert reply.status == 200, reply
    assert reply.data == {"client": {"id": ada["id"], "email": ada["email"]}}
    assert gateway.sandbox.calls == [f"GET /clients/{ada['id']}"]


@pytest.mark.parametrize("how", EVERY)
def test_a_mutation_is_executed_once(jvm: Jvm, gateway: Serving, how: str) -> None:
    new = {"firstName": "Ottoline", "lastName": "Lee", "clientType": "BUYER"}
    operation = {"query": MUTATION, "variables": {"input": new}}

    reply = jvm.ask(gateway.url, how, operation, X_API_Key=ADA.api_key)

    assert reply.status == 200, reply
    assert reply.data == {"createClient": {"client": {"firstName": "Ottoline"}}}
    assert gateway.sandbox.calls == ["POST /clients"]


@pytest.mark.parametrize("how", EVERY)
def test_errors_are_readable(jvm: Jvm, gateway: Serving, how: str) -> None:
    long = {"query": "{ __typename }", "variables": {"unused": "x" * 200_000}}
    questions: list[tuple[str, str, object, dict[str, str]]] = [
        (gateway.url, how, one("x"), {"X_API_Key": "nonsense"}),
        (gateway.url, how, "{", {"X_API_Key": ADA.api_key}),
        (gateway.url, how, long, {"X_API_Key": ADA.api_key}),
    ]

    replies = [jvm.at_once([question])[0] for question in questions]

    assert [answer.status for answer in replies] == [401, 400, 413], replies
    assert [answer.codes for answer in replies] == [
        [] if how in ("urlconnection pieces", "urlconnection stream") else ["UNAUTHENTICATED"],
        ["BAD_REQUEST"],
        ["BAD_REQUEST"],
    ]
    assert gateway.sandbox.calls == []


@pytest.mark.parametrize("how", HTTPCLIENT)
def test_a_client_with_an_authenticator_is_given_the_refusal(
    jvm: Jvm, gateway: Serving, how: str
) -> None:
    """It throws where a 401 has no WWW-Authenticate."""
    reply = jvm.ask(gateway.url, f"{how} authenticator", one("x"), X_API_Key="nonsense")

    assert (reply.status, reply.codes) == (401, ["UNAUTHENTICATED"]), reply


@pytest.mark.parametrize("how", [how for how in EVERY if "expect" not in how])
def test_answers_to_requests_sent_together_are_not_mistaken(
    jvm: Jvm, gateway: Serving, how: str
) -> None:
    pairs = [(who, row) for pair in zip(ADA.clients(), GRACE.clients(), strict=False)
             for who, row in zip((ADA, GRACE), pair, strict=True)][:40]  # fmt: skip

    replies = jvm.at_once(
        [(gateway.url, how, one(row["id"]), {"X_API_Key": who.api_key}) for who, row in pairs]
    )

    assert [answer.status for answer in replies] == [200] * len(pairs)
    assert [answer.data["client"] for answer in replies] == [
        {"id": row["id"], "email": row["email"]} for _, row in pairs
    ]


@pytest.mark.parametrize("how", [how for how in EVERY if "expect" not in how])
def test_requests_one_after_the_other_share_a_connection(
    jvm: Jvm, relay: Recorder, how: str
) -> None:
    rows = ADA.clients()[:5]

    replies = [jvm.ask(relay.url, how, one(row["id"]), X_API_Key=ADA.api_key) for row in rows]

    assert [answer.data["client"]["id"] for answer in replies] == [row["id"] for row in rows]
    assert relay.used() == [5]
    assert all(line == "POST /graphql" for line in relay.requests())


@pytest.mark.parametrize("body", ["whole", "pieces", "stream"])
def test_this_jdk_offers_an_upgrade_with_what_it_posts(
    jvm: Jvm, relay: Recorder, body: str
) -> None:
    jvm.ask(relay.url, f"httpclient 2 {body}", one("x"), X_API_Key=ADA.api_key)

    assert b"Connection: Upgrade, HTTP2-Settings\r\n" in relay.heard[0]
    assert b"Upgrade: h2c\r\n" in relay.heard[0]
