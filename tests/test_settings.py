import os
import re
from pathlib import Path

import pytest

from gateway.cli.config import format_settings, format_value, settings_sources
from gateway.settings import PREFIX, ConfigurationError, Settings, load_settings, secrets


@pytest.fixture(autouse=True)
def an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as mistake:
        load_settings(environment)
    return str(mistake.value)


def test_nothing_set_means_the_documented_api_on_loopback() -> None:
    assert load_settings({}).model_dump() == {
        "upstream_url": "https://api.actuallycare.com/v1",
        "host": "127.0.0.1",
        "port": 8000,
        "api_key": None,
        "api_key_file": None,
        "caller_token": None,
        "caller_token_file": None,
        "webhook_secrets": (),
        "webhook_secrets_file": None,
        "webhook_fresh": 900,
        "introspection": False,
        "graphiql": False,
        "cors_origins": (),
        "allowed_hosts": (),
        "node_fields": True,
        "allowed_documents": "any",
        "trusted_documents_file": None,
        "persisted_queries_max_bytes": 4_194_304,
        "max_connections": 1_000,
        "max_connections_per_address": 256,
        "max_concurrent_requests": 256,
        "max_subscriptions": 1_000,
        "max_subscriptions_per_connection": 100,
        "timeout_connection_init": 3.0,
        "max_body_bytes": 131_072,
        "max_document_length": 16_384,
        "max_tokens": 1_000,
        "max_depth": 8,
        "max_aliases": 15,
        "max_directives": 10,
        "max_root_fields": 10,
        "max_variables_depth": 16,
        "max_string_length": 8_192,
        "timeout_request_headers": 5,
        "timeout_request_body": 10,
        "timeout_write": 10,
        "timeout_keep_alive": 5,
        "shutdown_delay": 0,
        "metrics_address": None,
        "access_log": False,
        "traces": False,
        "log_level": "warning",
        "cache": True,
        "cache_max_bytes": 64 * 1024 * 1024,
        "cache_prefetch_max_rows": 1_000,
        "type_filter": "learn",
        "upstream_rate_limit": 500,
        "upstream_max_concurrency": 16,
        "upstream_max_queue": 192,
        "upstream_timeout": 3,
        "upstream_client": "builtin",
        "upstream_proxy": None,
        "upstream_proxy_file": None,
        "upstream_client_certificate": None,
        "valkey_url": None,
        "valkey_url_file": None,
        "budget": "default",
        "secret": None,
        "secret_file": None,
        "state_dir": "~/.local/state/clients-gateway",
        "max_operation_cost": 25,
        "max_operation_cost_low_budget": 10,
    }


def test_the_environment_goes_before_the_dotenv_file(
    an_empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (an_empty_folder / ".env").write_text("GATEWAY_PORT=7000\nGATEWAY_GRAPHIQL=on\n")
    monkeypatch.setenv("GATEWAY_PORT", "9000")

    found = load_settings({"GATEWAY_PORT": "9000"})

    assert (found.port, found.graphiql) == (9000, True)


def test_origins_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_CORS_ORIGINS", "https://a.example, http://localhost:3000")

    assert load_settings({}).cors_origins == ("https://a.example", "http://localhost:3000")


def test_an_origin_is_kept_as_browsers_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    written = "HTTPS://App.Example:443, http://b.example:80, http://c.example:443, http://[::1]:80"
    monkeypatch.setenv("GATEWAY_CORS_ORIGINS", written)

    assert load_settings({}).cors_origins == (
        "https://app.example",
        "http://b.example",
        "http://c.example:443",
        "http://[::1]",
    )


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"GATEWAY_PROT": "1"}, "GATEWAY_PROT is not a setting: did you mean GATEWAY_PORT?"),
        ({"GATEWAY_XYZZY": "1"}, "GATEWAY_XYZZY is not a setting. The README lists all of them."),
        ({"GATEWAY_PORT": "eighty"}, "GATEWAY_PORT must be a valid integer"),
        ({"GATEWAY_PORT": "70000"}, "GATEWAY_PORT must be less than or equal to 65535"),
        ({"GATEWAY_UPSTREAM_URL": "ftp://x"}, "GATEWAY_UPSTREAM_URL must be a URL like"),
        ({"GATEWAY_UPSTREAM_CLIENT": "aiohttp"}, "GATEWAY_UPSTREAM_CLIENT must be 'builtin' or"),
        (
            {"GATEWAY_UPSTREAM_PROXY": "http://proxy.example:3128"},
            "GATEWAY_UPSTREAM_PROXY needs GATEWAY_UPSTREAM_CLIENT=httpx",
        ),
        (
            {"GATEWAY_VALKEY_URL": "valkey://server"},
            "GATEWAY_VALKEY_URL needs GATEWAY_SECRET, one for all gateways",
        ),
        ({"GATEWAY_VALKEY_URL": "http://server"}, "GATEWAY_VALKEY_URL must be a URL like valkey:"),
        ({"GATEWAY_VALKEY_URL": "valkey://server/one"}, "must be a URL like valkey:"),
        ({"GATEWAY_VALKEY_URL": "valkey://server/0?protocol=3"}, "must be a URL like valkey:"),
        ({"GATEWAY_VALKEY_URL": "valkey://server:99999"}, "has an impossible host or port"),
        ({"GATEWAY_VALKEY_URL": "unix://"}, "must have a path, and at most ?db=N after it"),
        ({"GATEWAY_SECRET": "s" * 31}, "GATEWAY_SECRET must have at least 32 characters"),
        ({"GATEWAY_BUDGET": "two words"}, "GATEWAY_BUDGET must be 1 to 64 letters"),
        ({"GATEWAY_UPSTREAM_PROXY": "proxy:3128"}, "GATEWAY_UPSTREAM_PROXY must be a URL like"),
        ({"GATEWAY_UPSTREAM_PROXY": "socks5://proxy"}, "must be a URL like http://proxy"),
        ({"GATEWAY_UPSTREAM_PROXY": "http://proxy/path"}, "must not have a path"),
        ({"GATEWAY_UPSTREAM_PROXY": "http://proxy:0"}, "must have a port from 1 to"),
        ({"GATEWAY_UPSTREAM_PROXY": "http://u/s:p@proxy"}, "in percent-encoded ASCII"),
        ({"GATEWAY_UPSTREAM_PROXY": "http://u:p%zz@proxy"}, "in percent-encoded ASCII"),
        ({"GATEWAY_UPSTREAM_URL": "http://api.example/v1"}, "GATEWAY_UPSTREAM_URL must be https"),
        ({"GATEWAY_UPSTREAM_URL": "https://api.example:abc/v1"}, "must have a port from 1 to"),
        ({"GATEWAY_UPSTREAM_URL": "https://api.example:99999"}, "must have a port from 1 to"),
        ({"GATEWAY_UPSTREAM_URL": "https://api.example:0"}, "must have a port from 1 to"),
        ({"GATEWAY_UPSTREAM_URL": "https://api.example:/v1"}, "must have a port from 1 to"),
        ({"GATEWAY_UPSTREAM_URL": "https://api example/v1"}, "must not contain blanks"),
        ({"GATEWAY_UPSTREAM_URL": "https://api.example\n/v1"}, "must not contain blanks"),
        ({"GATEWAY_UPSTREAM_URL": "https://-api.example"}, "has a host that is no host name"),
        ({"GATEWAY_UPSTREAM_URL": "https://api..example"}, "has a host that is no host name"),
        ({"GATEWAY_UPSTREAM_URL": f"https://{'a' * 64}.example"}, "is no host name"),
        (
            {"GATEWAY_UPSTREAM_URL": "https://b\u00fccher.example"},
            "must have its host name in ASCII",
        ),
        ({"GATEWAY_UPSTREAM_URL": "https://300.1.1.1"}, "has a host that is no IPv4 address"),
        ({"GATEWAY_UPSTREAM_URL": "https://[::g]/v1"}, "has a host that is no IPv6 address"),
        ({"GATEWAY_UPSTREAM_URL": "https://[::1/v1"}, "has a host that is no IPv6 address"),
        ({"GATEWAY_UPSTREAM_URL": "https:///v1"}, "must name a host"),
        ({"GATEWAY_UPSTREAM_URL": "https://:443/v1"}, "must name a host"),
        ({"GATEWAY_UPSTREAM_URL": "https://"}, "must name a host"),
        ({"GATEWAY_UPSTREAM_URL": "api.example/v1"}, "must be a URL like https://"),
        ({"GATEWAY_UPSTREAM_URL": "api.example:443/v1"}, "must be a URL like https://"),
        ({"GATEWAY_UPSTREAM_URL": "https:api.example/v1"}, "must be a URL like https://"),
        (
            {"GATEWAY_UPSTREAM_URL": "https://ada:secret-but-short@api.example"},
            "must not contain a u",
        ),
        ({"GATEWAY_UPSTREAM_URL": "https://api.example/v1?key=a"}, "must not have a query"),
        ({"GATEWAY_UPSTREAM_URL": "https://api.example/v1#a"}, "must not have a query or fragment"),
        ({"GATEWAY_UPSTREAM_URL": "https://api.example/v1/../v2"}, "must have a plain path"),
        ({"GATEWAY_UPSTREAM_URL": "https://api.example//v1"}, "must have a plain path"),
        ({"GATEWAY_HOST": "127.0.0.1:8000"}, "GATEWAY_HOST must be an address alone"),
        ({"GATEWAY_HOST": "http://127.0.0.1"}, "GATEWAY_HOST must be an address like 127.0.0.1"),
        ({"GATEWAY_HOST": "not a host"}, "GATEWAY_HOST has a host that is no host name"),
        ({"GATEWAY_MAX_BODY_BYTES": "-1"}, "GATEWAY_MAX_BODY_BYTES must be greater than or equal"),
        (
            {"GATEWAY_MAX_CONCURRENT_REQUESTS": "0"},
            "GATEWAY_MAX_CONCURRENT_REQUESTS must be greater",
        ),
        (
            {"GATEWAY_TIMEOUT_REQUEST_HEADERS": "nan"},
            "GATEWAY_TIMEOUT_REQUEST_HEADERS must be a finite number",
        ),
        (
            {"GATEWAY_TIMEOUT_REQUEST_HEADERS": "inf"},
            "GATEWAY_TIMEOUT_REQUEST_HEADERS must be a finite number",
        ),
        ({"GATEWAY_UPSTREAM_TIMEOUT": "0"}, "GATEWAY_UPSTREAM_TIMEOUT must be greater"),
        ({"GATEWAY_CACHE": "perhaps"}, "GATEWAY_CACHE must be true or false"),
        ({"GATEWAY_CORS_ORIGINS": "https://a.example/"}, "must not have a path, not even a slash"),
        ({"GATEWAY_CORS_ORIGINS": "https://a.example:x"}, "must have a port from 1 to 65535"),
        ({"GATEWAY_CORS_ORIGINS": "null"}, "'null' is not an origin"),
        ({"GATEWAY_CORS_ORIGINS": "https://*.example"}, "is not an origin"),
        ({"GATEWAY_CALLER_TOKEN": "a" * 16 + "\u20ac"}, "GATEWAY_CALLER_TOKEN must be printable"),
        ({"GATEWAY_API_KEY": "secret-but-short"}, "GATEWAY_API_KEY must be 64 hexadecimal"),
        ({"GATEWAY_CORS_ORIGINS": "*"}, "GATEWAY_CORS_ORIGINS '*' is not an origin"),
        ({"GATEWAY_CORS_ORIGINS": "https://b\u00fccher.example"}, "is not an origin like"),
        ({"GATEWAY_CORS_ORIGINS": "https://:443"}, "is not an origin like"),
        ({"GATEWAY_CORS_ORIGINS": "null"}, "is not an origin like"),
        ({"GATEWAY_ALLOWED_HOSTS": "*"}, "GATEWAY_ALLOWED_HOSTS has a host that is no"),
        ({"GATEWAY_ALLOWED_HOSTS": "a.example:80"}, "must be an address alone"),
        ({"GATEWAY_CALLER_TOKEN": "a" * 16}, "set both"),
        ({"GATEWAY_ALLOWED_DOCUMENTS": "trusted"}, "name it in GATEWAY_TRUSTED_DOCUMENTS_FILE"),
        (
            {"GATEWAY_ALLOWED_DOCUMENTS": "some"},
            "GATEWAY_ALLOWED_DOCUMENTS must be 'any', 'persisted'",
        ),
        ({"GATEWAY_API_KEY": "a" * 64, "GATEWAY_HOST": "192.0.2.1"}, "set GATEWAY_CALLER_TOKEN"),
    ],
)
def test_a_wrong_name_or_value_is_reported_in_one_line(
    environment: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = refused(environment, monkeypatch)

    assert reason in message
    assert "\n" not in message
    assert "secret-but-short" not in message


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://api.example/v1\n", "https://api.example/v1"),
        ("  https://api.example/v1/ \t", "https://api.example/v1"),
        ("HTTPS://API.Example", "https://api.example"),
        ("https://api.example:8443//", "https://api.example:8443"),
        ("http://localhost:8001/v1", "http://localhost:8001/v1"),
        ("http://[::1]:8001/v1", "http://[::1]:8001/v1"),
        ("http://127.0.0.1/v1", "http://127.0.0.1/v1"),
        ("https://xn--bcher-kva.example/v1", "https://xn--bcher-kva.example/v1"),
    ],
)
def test_a_url_is_trimmed_and_otherwise_taken_as_written(
    written: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_UPSTREAM_URL", written)

    assert load_settings({}).upstream_url == url


def test_an_origin_is_written_as_browsers_write_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "GATEWAY_CORS_ORIGINS", " HTTPS://A.Example:443,, http://[::1]:80 ,http://b.example:81,"
    )

    assert load_settings({}).cors_origins == (
        "https://a.example",
        "http://[::1]",
        "http://b.example:81",
    )


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_value_means_the_default_of_every_setting(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unset = load_settings({})
    for name in Settings.model_fields:
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", empty)

    assert load_settings(os.environ) == unset


def test_an_empty_value_leaves_the_dotenv_file_its_word(
    an_empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (an_empty_folder / ".env").write_text("GATEWAY_PORT=7000\nGATEWAY_HOST=\n")
    monkeypatch.setenv("GATEWAY_PORT", "")

    assert (load_settings(os.environ).port, load_settings(os.environ).host) == (7000, "127.0.0.1")


def test_blanks_around_a_value_are_trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PORT": " 8080 ",
        "CACHE": "off\n",
        "HOST": " [::] ",
        "CALLER_TOKEN": " correct horse battery\n",
        "API_KEY": f"{'a' * 64}\n",
        "TYPE_FILTER": "exact ",
    }.items():
        monkeypatch.setenv(f"{PREFIX}{name}", value)

    found = load_settings(os.environ)

    assert (found.port, found.cache, found.host, found.type_filter) == (8080, False, "::", "exact")
    assert (found.caller_token, found.api_key) == ("correct horse battery", "a" * 64)


def test_a_name_counts_in_any_case_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("gateway_port", "9000")
    assert load_settings(os.environ).port == 9000

    both = {"GATEWAY_PORT": "9001", "gateway_port": "9000"}
    assert "sets GATEWAY_PORT 2 times" in refused(both, monkeypatch)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("GATEWAY_PORT=7000".encode("utf-16"), "is not UTF-8"),
        ("GATEWAY_PORT=7000".encode("utf-16-le"), "is not UTF-8, but UTF-16"),
        ("GATEWAY_PORT=7000".encode("utf-32-be"), "is not UTF-8, but UTF-16 or UTF-32"),
        ("# café\nGATEWAY_PORT=7000".encode("latin-1"), "is not UTF-8: save it as UTF-8"),
        (b"GATEWAY_PORT 7000", "has no NAME=value in line 1"),
        (b"\n\nGATEWAY_PORT\n", "has no NAME=value in line 3"),
        (
            b"A=1\nGATEWAY_PORT=1\n\ngateway_port=2",
            "sets GATEWAY_PORT in line 2 and again in line 4",
        ),
        (b"GATEWAY_PORT=eighty", "GATEWAY_PORT must be a valid integer"),
        (None, "cannot be read: Is a directory"),
    ],
)
def test_a_dotenv_file_that_cannot_be_meant_is_refused_in_one_line(
    an_empty_folder: Path, content: bytes | None, reason: str
) -> None:
    file = an_empty_folder / ".env"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)

    with pytest.raises(ConfigurationError) as mistake:
        load_settings({})

    assert reason in str(mistake.value)
    assert "\n" not in str(mistake.value)


def test_a_dotenv_file_of_other_programs_too_and_with_a_byte_order_mark_is_read(
    an_empty_folder: Path,
) -> None:
    (an_empty_folder / ".env").write_bytes(
        b"\xef\xbb\xbfexport GATEWAY_PORT='7000' # ours\r\nPATH=a\r\nPATH=b\r\nFLAG\r\n"
    )

    assert load_settings({}).port == 7000


def test_a_wrong_name_in_the_dotenv_file_is_reported_too(an_empty_folder: Path) -> None:
    (an_empty_folder / ".env").write_text("GATEWAY_HOTS=1\n")

    with pytest.raises(ConfigurationError, match="GATEWAY_HOTS is not a setting"):
        load_settings({})


def test_a_server_with_a_password_is_taken_as_the_client_library_reads_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_SECRET", "s" * 32)
    monkeypatch.setenv("GATEWAY_VALKEY_URL", "valkeys://us%40er:pass@server:6380/1")

    settings = load_settings({})

    assert settings.valkey_url == "rediss://us%40er:pass@server:6380/1"
    assert "pass" not in repr(settings)


def test_secrets_show_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_API_KEY", "a" * 64)
    monkeypatch.setenv("GATEWAY_CALLER_TOKEN", "correct horse battery")

    shown = repr(load_settings({}))

    assert "a" * 64 not in shown
    assert "correct horse battery" not in shown


SECRET = "a1" * 32


def test_two_secrets_of_webhooks_are_read_from_one_file_and_shown_nowhere(
    an_empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = an_empty_folder / "secrets"
    file.write_text("the new secret, the old secret\n")
    monkeypatch.setenv("GATEWAY_WEBHOOK_SECRETS_FILE", str(file))

    settings = load_settings({})

    assert settings.webhook_secrets == ("the new secret", "the old secret")
    assert "the new secret" not in repr(settings)


@pytest.mark.parametrize("secrets", ["too short", "a" * 10 + ",short", ",".join(["a" * 10] * 3)])
def test_a_secret_of_webhooks_has_ten_characters_and_there_are_two_at_most(
    monkeypatch: pytest.MonkeyPatch, secrets: str
) -> None:
    monkeypatch.setenv("GATEWAY_WEBHOOK_SECRETS", secrets)

    with pytest.raises(ConfigurationError, match="GATEWAY_WEBHOOK_SECRETS must have at ") as error:
        load_settings({})
    assert secrets not in str(error.value)


@pytest.mark.parametrize("name", secrets())
def test_every_secret_can_be_in_a_file(name: str) -> None:
    assert f"{name}_file" in Settings.model_fields


def test_a_secret_is_read_from_its_file_without_the_line_end(
    an_empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = an_empty_folder / "key"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv("GATEWAY_API_KEY_FILE", str(file))

    settings = load_settings({"GATEWAY_API_KEY_FILE": str(file)})

    assert settings.api_key == SECRET
    assert SECRET not in repr(settings)


def test_the_file_of_a_secret_may_be_named_in_the_dotenv_file(an_empty_folder: Path) -> None:
    (an_empty_folder / "key").write_text(SECRET)
    (an_empty_folder / ".env").write_text("GATEWAY_API_KEY_FILE=key\n")

    assert load_settings({}).api_key == SECRET


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "GATEWAY_API_KEY_FILE: key cannot be read: No such file or directory"),
        (b" \n", "GATEWAY_API_KEY_FILE: key is empty"),
        (b"\xff\xfe", "GATEWAY_API_KEY_FILE: key is not UTF-8: save it as UTF-8"),
        (b"short", "GATEWAY_API_KEY must be 64 hexadecimal characters"),
    ],
)
def test_a_file_without_the_secret_is_one_line(
    an_empty_folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (an_empty_folder / "key").write_bytes(content)

    assert refused({"GATEWAY_API_KEY_FILE": "key"}, monkeypatch) == reason


def test_a_secret_of_an_unknown_user_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused({"GATEWAY_API_KEY_FILE": "~nouser/key"}, monkeypatch) == (
        "GATEWAY_API_KEY_FILE: ~nouser/key cannot be read: Could not determine home directory."
    )


def test_a_secret_is_set_once(an_empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (an_empty_folder / "key").write_text(SECRET)
    twice = {"GATEWAY_API_KEY": SECRET, "GATEWAY_API_KEY_FILE": "key"}

    assert refused(twice, monkeypatch) == (
        "GATEWAY_API_KEY and GATEWAY_API_KEY_FILE are both set: set one of them"
    )


def test_config_shows_where_each_value_comes_from_and_no_secret(
    an_empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (an_empty_folder / "key").write_text(SECRET)
    (an_empty_folder / ".env").write_text(
        "GATEWAY_PORT=7000\nGATEWAY_GRAPHIQL=on\nGATEWAY_API_KEY_FILE=key\nGATEWAY_CACHE=\n"
    )
    monkeypatch.setenv("GATEWAY_PORT", "9000")
    monkeypatch.setenv("GATEWAY_INTROSPECTION", " ")
    monkeypatch.setenv("GATEWAY_CALLER_TOKEN", "correct horse battery")
    settings = load_settings({"GATEWAY_PORT": "9000"})

    rows = [line.split() for line in format_settings(settings, settings_sources())]

    assert [name for name, *_ in rows] == [f"GATEWAY_{name.upper()}" for name, _ in settings]
    assert [row[1:] for row in rows if row[-1] != "default"] == [
        ["9000", "environment"],
        ["********", "GATEWAY_API_KEY_FILE"],
        ["key", ".env"],
        ["********", "environment"],
        ["true", ".env"],
    ]


def test_the_example_of_a_dotenv_file_has_every_setting_with_its_default() -> None:
    example = (Path(__file__).parents[1] / ".env.example").read_text()
    lines = re.findall(r"^# (.*)\n#(GATEWAY_\w+)=(.*)$", example, re.MULTILINE)

    def shown(default: object) -> str:
        return format_value(default).removeprefix("-")

    assert lines == [
        (field.description, f"{PREFIX}{name.upper()}", shown(field.default))
        for name, field in Settings.model_fields.items()
    ]
    assert not re.search(r"^[^#\n]", example, re.MULTILINE)
