"""The settings choose the client that calls the API."""

import time
from pathlib import Path
from typing import Any

import pytest

from gateway.app import create_app
from gateway.settings import ConfigurationError, Settings, load_settings
from gateway.transport.httpx_transport import HTTPXTransport
from gateway.transport.pool import ConnectionPool
from gateway.upstream_client import create_transport


def settings(**changes: Any) -> Settings:
    return load_settings({}, _env_file=None, **changes)


@pytest.mark.parametrize(
    ("client", "kind"), [("builtin", ConnectionPool), ("httpx", HTTPXTransport)]
)
def test_either_client_may_call_the_api(client: str, kind: type) -> None:
    assert type(create_transport(settings(upstream_client=client), time.monotonic)) is kind


@pytest.mark.parametrize("client", ["builtin", "httpx"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_client_certificate_that_cannot_be_used_stops_the_start_with_one_line(
    client: str, content: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "client.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError) as mistake:
        create_app(settings(upstream_client=client, upstream_client_certificate=file))

    message = str(mistake.value)
    assert message.startswith(f"GATEWAY_UPSTREAM_CLIENT_CERTIFICATE: {file} has no usable")
    assert "\n" not in message


def test_a_client_certificate_of_an_unknown_user_stops_the_start_with_one_line() -> None:
    file = Path("~no-such-user/client.pem")

    with pytest.raises(ConfigurationError, match=r"no usable certificate.*home directory"):
        create_app(settings(upstream_client_certificate=file))
