from pathlib import Path

import pytest

from gateway.settings import Misconfigured, read


@pytest.fixture(autouse=True)
def an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as mistake:
        read(environment)
    return str(mistake.value)


def test_nothing_set_means_the_documented_api_on_loopback() -> None:
    assert read({}).model_dump() == {
        "upstream_url": "https://api.actuallycare.com/v1",
        "host": "127.0.0.1",
        "port": 8000,
        "api_key": None,
        "caller_token": None,
        "introspection": False,
        "graphiql": False,
        "cors_origins": (),
        "node_fields": True,
        "documents": "any",
        "documents_file": None,
        "documents_memory": 4_194_304,
        "limit_connections": 1_000,
        "limit_connections_per_address": 256,
        "limit_in_flight": 256,
        "limit_body": 131_072,
        "limit_document": 16_384,
        "limit_tokens": 1_000,
        "limit_depth": 8,
        "limit_aliases": 15,
        "limit_directives": 10,
        "limit_root_fields": 10,
        "limit_variables_depth": 16,
        "limit_string": 8_192,
        "timeout_head": 5,
        "timeout_body": 10,
        "timeout_reading": 10,
        "timeout_idle": 5,
        "cache": True,
        "cache_bytes": 64 * 1024 * 1024,
        "whole_rows": 1_000,
        "type_filter": "learn",
        "upstream_limit": 500,
        "upstream_at_once": 16,
        "state_dir": "~/.local/state/clients-gateway",
        "operation_calls": 25,
        "operation_calls_scarce": 10,
        "compiled": True,
    }


def test_the_environment_goes_before_the_dotenv_file(
    an_empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (an_empty_folder / ".env").write_text("GATEWAY_PORT=7000\nGATEWAY_GRAPHIQL=on\n")
    monkeypatch.setenv("GATEWAY_PORT", "9000")

    found = read({"GATEWAY_PORT": "9000"})

    assert (found.port, found.graphiql) == (9000, True)


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_CORS_ORIGINS", "https://a.example, http://localhost:3000")

    assert read({}).cors_origins == ("https://a.example", "http://localhost:3000")


def test_an_origin_is_kept_as_browsers_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written = "HTTPS://App.Example:443, http://b.example:80, http://c.example:443, http://[::1]:80"
    monkeypatch.setenv("GATEWAY_CORS_ORIGINS", written)

    assert read({}).cors_origins == (
        "https://app.example",
        "http://b.example",
        "http://c.example:443",
        "http://[::1]",
    )


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"GATEWAY_PROT": "1"}, "GATEWAY_PROT is not a setting; there are: GATEWAY_API_KEY"),
        ({"GATEWAY_PORT": "eighty"}, "GATEWAY_PORT input should be a valid integer"),
        ({"GATEWAY_PORT": "70000"}, "GATEWAY_PORT input should be less than or equal to 65535"),
        ({"GATEWAY_UPSTREAM_URL": "ftp://x"}, "GATEWAY_UPSTREAM_URL must be a URL like"),
        ({"GATEWAY_UPSTREAM_URL": "http://api.example/v1"}, "GATEWAY_UPSTREAM_URL must be https"),
        ({"GATEWAY_API_KEY": "secret-but-short"}, "GATEWAY_API_KEY string should match pattern"),
        ({"GATEWAY_CORS_ORIGINS": "*"}, "GATEWAY_CORS_ORIGINS '*' is not an origin"),
        ({"GATEWAY_CORS_ORIGINS": "https://b\u00fccher.example"}, "is not an origin like"),
        ({"GATEWAY_CORS_ORIGINS": "https://:443"}, "is not an origin like"),
        ({"GATEWAY_CORS_ORIGINS": "null"}, "is not an origin like"),
        ({"GATEWAY_CALLER_TOKEN": "a" * 16}, "set both"),
        ({"GATEWAY_DOCUMENTS": "trusted"}, "name it in GATEWAY_DOCUMENTS_FILE"),
        ({"GATEWAY_DOCUMENTS": "some"}, "GATEWAY_DOCUMENTS input should be 'any', 'persisted'"),
        ({"GATEWAY_API_KEY": "a" * 64, "GATEWAY_HOST": "192.0.2.1"}, "set GATEWAY_CALLER_TOKEN"),
    ],
)
def test_a_wrong_name_or_value_is_told_in_one_line(
    environment: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = refused(environment, monkeypatch)

    assert reason in told
    assert "\n" not in told
    assert "secret-but-short" not in told


def test_a_wrong_name_in_the_dotenv_file_is_told_too(an_empty_folder: Path) -> None:
    (an_empty_folder / ".env").write_text("GATEWAY_HOTS=1\n")

    with pytest.raises(Misconfigured, match="GATEWAY_HOTS is not a setting"):
        read({})


def test_secrets_show_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_API_KEY", "a" * 64)
    monkeypatch.setenv("GATEWAY_CALLER_TOKEN", "correct horse battery")

    shown = repr(read({}))

    assert "a" * 64 not in shown
    assert "correct horse battery" not in shown
