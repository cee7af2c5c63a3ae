"""The settings: names, defaults, bounds, and one-line errors for invalid values."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gateway.addresses import (
    base_url,
    is_loopback,
    listening_address,
    listening_host,
    origin,
    proxy_url,
    valkey_server,
)
from gateway.setting_files import ENCODING, check_names, names_in, read_secrets
from gateway.validation_message import first_mistake

PREFIX = "GATEWAY_"
Seconds = Annotated[float, Field(gt=0, le=60)]

_PRINTABLE = "must be printable ASCII characters"
_PATTERNS = {
    "api_key": "must be 64 hexadecimal characters",
    "caller_token": _PRINTABLE,
    "budget": "must be 1 to 64 letters, digits, dots, underscores and hyphens",
}

DOCUMENTED_URL = "https://api.actuallycare.com/v1"  # API page: Base URL


class ConfigurationError(Exception):
    """An invalid setting; the message is one line with the reason."""


class Settings(BaseSettings):
    """The settings of an operator, from the environment, then from `.env`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding=ENCODING,
        env_ignore_empty=True,
        allow_inf_nan=False,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    upstream_url: Annotated[str, AfterValidator(base_url)] = Field(
        DOCUMENTED_URL, description="Base URL of the Clients API."
    )
    host: Annotated[str, AfterValidator(listening_host)] = Field(
        "127.0.0.1", description="Address to listen on."
    )
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    api_key: str | None = Field(
        None,
        pattern=r"^[0-9a-fA-F]{64}$",
        repr=False,
        description="API key for the requests of callers that send no credential.",
    )
    api_key_file: Path | None = Field(None, description="File that holds the API key.")
    caller_token: str | None = Field(
        None,
        min_length=16,
        pattern=r"^[ -~]*$",  # allowed in a header field (RFC 9110, 5.5)
        repr=False,
        description="Token that such callers must send, in X-Gateway-Token.",
    )
    caller_token_file: Path | None = Field(None, description="File that holds that token.")
    webhook_secrets: Annotated[tuple[Annotated[str, Field(min_length=10)], ...], NoDecode] = Field(
        (), max_length=2, repr=False, description="Secrets of webhooks, comma-separated, at most 2."
    )
    webhook_secrets_file: Path | None = Field(None, description="File that holds those secrets.")
    webhook_fresh: float = Field(
        900, ge=30, le=86_400, description="Seconds for which readings are fresh with webhooks."
    )
    introspection: bool = Field(False, description="Whether the schema may be introspected.")
    graphiql: bool = Field(False, description="Whether GET /graphql shows GraphiQL.")
    cors_origins: Annotated[tuple[Annotated[str, AfterValidator(origin)], ...], NoDecode] = Field(
        (), description="Origins whose pages may call, comma-separated and exact."
    )
    allowed_hosts: Annotated[
        tuple[Annotated[str, AfterValidator(listening_host)], ...], NoDecode
    ] = Field(
        (),
        description="Names Host may have, comma-separated; any, unless a key acts without proof.",
    )
    node_fields: bool = Field(
        True,
        description="Whether the graph has `node` and `nodes`; off where another subgraph does.",
    )
    cache: bool = Field(True, description="Whether records are cached; else each read is a call.")
    cache_max_bytes: int = Field(67_108_864, ge=65_536, description="Bytes for the cache.")
    cache_prefetch_max_rows: int = Field(
        1_000, ge=0, description="Collections of up to this many clients are read whole."
    )
    type_filter: Literal["learn", "exact", "includes_both"] = Field(
        "learn",
        description="Whether the API's `client_type=buyer` includes `both`: learnt, or set here.",
    )
    upstream_rate_limit: int = Field(
        500, ge=1, description="Calls the API grants in 15 minutes, until its headers say it."
    )
    upstream_max_concurrency: int = Field(
        16, ge=1, le=1000, description="Calls to the API in flight together."
    )
    upstream_max_queue: int = Field(
        192, ge=1, le=100_000, description="Calls to the API that may wait for one of those places."
    )
    upstream_timeout: float = Field(
        3, ge=0.1, le=9, description="Seconds one attempt at a call to the API may take."
    )
    upstream_client: Literal["builtin", "httpx"] = Field(
        "builtin", description="HTTP client for the API: builtin, or httpx, which can use a proxy."
    )
    upstream_proxy: Annotated[str, AfterValidator(proxy_url)] | None = Field(
        None, repr=False, description="URL of an HTTP proxy for all calls to the API; takes httpx."
    )
    upstream_proxy_file: Path | None = Field(None, description="File that holds that URL.")
    upstream_client_certificate: Path | None = Field(
        None, description="PEM file of the certificate and key that are shown to the API."
    )
    valkey_url: Annotated[str, AfterValidator(valkey_server)] | None = Field(
        None, repr=False, description="URL of the Valkey or Redis server of a shared budget."
    )
    valkey_url_file: Path | None = Field(None, description="File that holds that URL.")
    budget: str = Field(
        "default", pattern=r"^[\w.-]{1,64}$", description="Name of the budget of one IP address."
    )
    secret: str | None = Field(
        None, min_length=32, repr=False, description="Key of the hashes that identify callers."
    )
    secret_file: Path | None = Field(None, description="File that holds that key.")
    allowed_documents: Literal["any", "persisted", "trusted"] = Field(
        "any", description="Which documents are executed: any, persisted or trusted."
    )
    trusted_documents_file: Path | None = Field(
        None, description="File of trusted documents: an Apollo manifest or a Relay map."
    )
    persisted_queries_max_bytes: int = Field(
        4_194_304, ge=0, description="Bytes for automatic persisted queries; 0 refuses them."
    )
    max_connections: int = Field(1_000, ge=1, description="Connections at once, then 503.")
    max_connections_per_address: int = Field(
        256, ge=1, description="Connections at once from one address, then 503."
    )
    max_concurrent_requests: int = Field(
        256, ge=1, description="Requests executed at once, then 503."
    )
    max_subscriptions: int = Field(1_000, ge=1, description="Subscriptions of one credential.")
    max_subscriptions_per_connection: int = Field(100, ge=1, description="Those of one WebSocket.")
    max_body_bytes: int = Field(131_072, ge=1024, description="Bytes of one request's body.")
    max_document_length: int = Field(16_384, ge=256, description="Characters of one document.")
    max_tokens: int = Field(1_000, ge=10, description="Lexical tokens of one document.")
    max_depth: int = Field(8, ge=4, description="Levels of fields, fragments spread out.")
    max_aliases: int = Field(15, ge=0, description="Aliases of one operation.")
    max_directives: int = Field(10, ge=0, description="Directives of one operation.")
    max_root_fields: int = Field(10, ge=1, description="Root fields of one operation.")
    max_variables_depth: int = Field(
        16, ge=4, description="Levels of lists and objects in variables."
    )
    max_string_length: int = Field(
        8_192, ge=256, description="Characters of one string in variables."
    )
    max_operation_cost: int = Field(
        25, ge=1, description="Calls that one operation may cost; more expensive ones are refused."
    )
    max_operation_cost_low_budget: int = Field(
        10, ge=1, description="The same while less than a fifth of the window is left."
    )
    state_dir: str = Field(
        "~/.local/state/clients-gateway",
        description="Folder for state that outlives a restart; `none` for none.",
    )
    metrics_address: Annotated[str, AfterValidator(listening_address)] | None = Field(
        None, description="Address and port on which GET /metrics is answered; none without."
    )
    access_log: bool = Field(False, description="Whether each request is logged, in one line.")
    traces: bool = Field(False, description="Whether traces are sent, as OTEL_* variables say.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="The least severe messages that are logged."
    )
    timeout_request_headers: Seconds = Field(5, description="Seconds a request's headers may take.")
    timeout_request_body: Seconds = Field(10, description="Seconds its body may take.")
    timeout_write: Seconds = Field(10, description="Seconds a client may take to read a response.")
    timeout_connection_init: float = Field(3, gt=0, description="Seconds to connection_init.")
    timeout_keep_alive: float = Field(
        5, gt=0, le=300, description="Seconds a connection may be idle between two requests."
    )

    shutdown_delay: float = Field(
        0, ge=0, le=60, description="Seconds served while not ready, before a stop."
    )

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Trim blanks around values, as `.env` files leave them; an empty value is unset."""
        plain = {name: v.strip() if isinstance(v, str) else v for name, v in values.items()}
        given = {name: value for name, value in plain.items() if value != ""}
        return read_secrets(given, secrets(), PREFIX)

    @field_validator("cors_origins", "allowed_hosts", "webhook_secrets", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return tuple(each.strip() for each in value.split(",") if each.strip())

    @property
    def acts_without_proof(self) -> bool:
        """True if a caller needs no credential to use the gateway's API key."""
        return self.api_key is not None and self.caller_token is None

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        if self.acts_without_proof and not is_loopback(self.host):
            raise ValueError(
                f"{PREFIX}API_KEY on the public address {self.host} would let every client act by"
                f" it: set {PREFIX}CALLER_TOKEN too, or listen on 127.0.0.1"
            )
        if self.allowed_documents == "trusted" and self.trusted_documents_file is None:
            raise ValueError(
                f"{PREFIX}ALLOWED_DOCUMENTS=trusted takes the documents of a file: name it in"
                f" {PREFIX}TRUSTED_DOCUMENTS_FILE"
            )
        if self.upstream_proxy and self.upstream_client != "httpx":
            raise ValueError(f"{PREFIX}UPSTREAM_PROXY needs {PREFIX}UPSTREAM_CLIENT=httpx")
        if self.valkey_url and not self.secret:
            raise ValueError(f"{PREFIX}VALKEY_URL needs {PREFIX}SECRET, one for all gateways")
        if self.caller_token and not self.api_key:
            raise ValueError(f"{PREFIX}CALLER_TOKEN proves callers to {PREFIX}API_KEY: set both")
        return self


def secrets() -> list[str]:
    """Return the names of the settings whose values are not shown."""
    return [name for name, field in Settings.model_fields.items() if not field.repr]


def load_settings(environment: Mapping[str, str], **overrides: Any) -> Settings:
    """Return the settings in force. Raises `ConfigurationError`, in one line."""
    file = overrides.get("_env_file", ".env")
    try:
        filed = names_in(Path(file), PREFIX) if file is not None else []
        check_names(environment, filed, PREFIX, list(Settings.model_fields))
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigurationError(first_mistake(error, PREFIX, _PATTERNS)) from None
    except ValueError as reason:
        raise ConfigurationError(str(reason)) from None
