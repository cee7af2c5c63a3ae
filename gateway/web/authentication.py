"""Authentication: one credential in one header, its format checked before any upstream call."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from schema.source.errors import Unauthenticated
from schema.source.request_context import Caller, Credential

T = TypeVar("T")
_KEY = re.compile(rb"[0-9a-fA-F]{64}")
"""API page, Authentication: 64 hex characters, no prefix."""
_BEARER = re.compile(rb"bearer +([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII | re.IGNORECASE)
"""A scheme, blanks and one token (RFC 9110, 11.4; RFC 6750, 2.1)."""
_BLANK = b" \t"
"""Optional white space around a field value, which is not part of it (RFC 9110, 5.5)."""
_LONGEST_TOKEN = 8192
"""Bytes; tokens that list the groups and scopes of a large organisation come near this size."""
_LEEWAY = 30.0
"""Seconds by which clocks may differ before a token counts as expired (RFC 7519, 4.1.4)."""
_OF_THE_TOKEN = frozenset({"exp", "iat", "nbf", "jti", "auth_time"})
"""Claims that differ between tokens of one user (RFC 7519, 4.1; OpenID Connect Core, 2)."""


class _Times(msgspec.Struct):
    """The expiry time among the claims of a token, in seconds since 1970."""

    exp: float | None = None


class Authenticator:
    """Determines the caller from the headers of a request.

    `secret` is the key of the hash that partitions callers. `proven` takes the hash of a credential
    and returns whether the API has accepted it within the last minutes. Acceptance proves the
    claims of a token: while it is proven, the token shares one partition with all tokens of the
    same claims; otherwise it has a partition of its own. `refused` returns whether the API has
    recently rejected the credential: the gateway then answers 401 without using any stored data.

    `anonymous` is the credential for requests without one (the demo). With a `service` credential,
    a request without a credential uses it if X-Gateway-Token holds `token`; without a `token`, the
    service credential is open to every request.
    """

    def __init__(  # noqa: PLR0913 - all are keyword-only
        self,
        *,
        secret: bytes,
        now: Callable[[], float],
        proven: Callable[[str], bool] = lambda _: False,
        refused: Callable[[str], bool] = lambda _: False,
        anonymous: Credential | None = None,
        service: Credential | None = None,
        token: str | None = None,
    ) -> None:
        self._secret = secret
        self._now = now
        self._proven = proven
        self._refused = refused
        self._anonymous = None if anonymous is None else self._caller(anonymous)
        self._service = None if service is None else self._caller(service)
        self._token = None if token is None else token.encode()

    @property
    def own(self) -> frozenset[str]:
        """Return the keyed hashes of the credentials that the operator configured."""
        return frozenset(each.hash for each in (self._anonymous, self._service) if each is not None)

    def authenticate(self, headers: Mapping[bytes, Sequence[bytes]]) -> Caller | None:
        """Return the caller; None without a credential. Raises `Unauthenticated` for a bad one."""
        keys, tokens = headers.get(b"x-api-key", ()), headers.get(b"authorization", ())
        if len(keys) + len(tokens) > 1:
            raise Unauthenticated("Send one credential: X-API-Key or Authorization, once.")
        if keys:
            return self.admitted(self._caller(_api_key(keys[0])))
        if tokens:
            return self.admitted(self._bearer(tokens[0]))
        if self._service is not None:
            self._prove(headers.get(b"x-gateway-token", ()))
            return self._service
        return self._anonymous

    def admitted(self, caller: Caller) -> Caller:
        """Return the caller. Raises `Unauthenticated` if the API has refused its credential.

        Callers that use the gateway's own credential cannot replace it: they get field errors.
        """
        own = caller is not self._service and caller is not self._anonymous
        if own and self._refused(caller.hash):
            raise Unauthenticated("The API does not accept this credential.")
        return caller

    def is_cacheable(self, headers: Mapping[bytes, Sequence[bytes]]) -> bool:
        """Return whether equal headers always give the same caller.

        Tokens do not: they expire, and move to the partition of their user once proven.
        """
        return b"authorization" not in headers

    def _prove(self, shown: Sequence[bytes]) -> None:
        if self._token is None:
            return
        if len(shown) != 1 or not hmac.compare_digest(shown[0], self._token):
            raise Unauthenticated(
                "This gateway acts for callers that prove themselves: send the shared token in"
                " X-Gateway-Token."
            )

    def _bearer(self, value: bytes) -> Caller:
        token = _token(value)
        payload = _payload(token)
        exp = _convert(payload, _Times).exp
        if exp is not None and exp + _LEEWAY <= self._now():
            raise Unauthenticated("The bearer token has expired: refresh it and ask again.")
        ends = None if exp is None else exp + _LEEWAY
        caller = self._caller(Credential("Authorization", f"Bearer {token.decode()}"), ends)
        claims = _user(_convert(payload, dict[str, Any]))
        if claims is None:
            return caller
        user = self._hash(b"user\0" + claims)
        if self._proven(caller.partition):
            return Caller(user, caller.credential, caller.partition, expires_at=ends)
        return Caller(caller.partition, caller.credential, claimed=user, expires_at=ends)

    def _caller(self, credential: Credential, expires_at: float | None = None) -> Caller:
        text = f"{credential.header}\0{credential.value}".encode()
        return Caller(self._hash(text), credential, expires_at=expires_at)

    def _hash(self, text: bytes) -> str:
        return hashlib.blake2b(text, key=self._secret, digest_size=16).hexdigest()


def _api_key(value: bytes) -> Credential:
    value = value.strip(_BLANK)
    if not _KEY.fullmatch(value):
        raise Unauthenticated("X-API-Key must be 64 hexadecimal characters, nothing else.")
    return Credential("X-API-Key", value.decode())


def _token(value: bytes) -> bytes:
    found = _BEARER.fullmatch(value.strip(_BLANK))
    if found is None or len(found[1]) > _LONGEST_TOKEN:
        raise Unauthenticated("Authorization must be `Bearer` and one JWT.")
    return found[1]


def _payload(token: bytes) -> bytes:
    payload = token.split(b".")[1]
    try:
        return urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))
    except ValueError:
        raise _no_jwt() from None


def _convert(payload: bytes, type: type[T]) -> T:
    try:
        return msgspec.json.decode(payload, type=type)
    except (ValueError, RecursionError, msgspec.DecodeError):
        raise _no_jwt() from None


def _user(claims: dict[str, Any]) -> bytes | None:
    """Return a key that is equal for tokens with equal claims; None if they name no user.

    The key includes all claims except those that differ per token, because any of them may decide
    which rows the API returns.
    """
    user = claims.get("sub")
    if not isinstance(user, str | int) or not user:
        return None
    lasting = {name: value for name, value in claims.items() if name not in _OF_THE_TOKEN}
    return msgspec.json.encode(lasting, order="deterministic")


def _no_jwt() -> Unauthenticated:
    return Unauthenticated("The bearer token is not a JWT: its payload is not JSON.")
