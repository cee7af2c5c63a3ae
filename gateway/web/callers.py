"""Who is asking: one credential in one header, checked for shape before it costs anything."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any

import msgspec

from schema.failures import Unauthenticated
from schema.operation import Caller, Credential

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_KEY = re.compile(rb"[0-9a-fA-F]{64}")
"""API page, Authentication: 64 hex characters, no prefix."""
_JWT = re.compile(rb"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_LONGEST_TOKEN = 4096


class _Claims(msgspec.Struct):
    """Of a token's claims (RFC 7519, 4.1), when it ends and what says whose rows it shows."""

    exp: float | None = None
    iss: Any = None
    sub: Any = None
    aud: Any = None
    scope: Any = None
    scopes: Any = None
    scp: Any = None
    role: Any = None
    roles: Any = None
    permissions: Any = None

    def user(self) -> bytes | None:
        """The same for two tokens of the same user and reach; None where no user is named."""
        if not isinstance(self.sub, str | int) or not self.sub:
            return None
        self.exp = None
        return msgspec.json.encode(self, order="sorted")


class TwoCredentials(Unauthenticated):
    """More than one credential came: whose question it is cannot be told."""


class Callers:
    """Turns a request's headers into a caller.

    `secret` keys the hash that partitions callers. `proven` tells, by a credential's hash, whether
    the API has accepted it of late: that proves a token's claims, and only then does it join the
    partition of its issuer, user and scopes. Before, it has one of its own.

    `anonymous` is who asks when nobody says (the demo). With a `service` credential, a request
    without one of its own acts by it once it proves itself with `token` in X-Gateway-Token; a
    service without a token is open.
    """

    def __init__(  # noqa: PLR0913 - every part by its name
        self,
        *,
        secret: bytes,
        now: Callable[[], float],
        proven: Callable[[str], bool] = lambda _: False,
        anonymous: Credential | None = None,
        service: Credential | None = None,
        token: str | None = None,
    ) -> None:
        self._secret = secret
        self._now = now
        self._proven = proven
        self._anonymous = None if anonymous is None else self._caller(anonymous)
        self._service = None if service is None else self._caller(service)
        self._token = None if token is None else token.encode()

    def of(self, headers: Mapping[bytes, Sequence[bytes]]) -> Caller | None:
        """Who asks, or None when no credential came. Raises `Unauthenticated` for a bad one."""
        keys, tokens = headers.get(b"x-api-key", ()), headers.get(b"authorization", ())
        if len(keys) + len(tokens) > 1:
            raise TwoCredentials("Send one credential: X-API-Key or Authorization, once.")
        if keys:
            return self._caller(_api_key(keys[0]))
        if tokens:
            return self._bearer(tokens[0])
        if self._service is not None:
            self._prove(headers.get(b"x-gateway-token", ()))
            return self._service
        return self._anonymous

    def lasting(self, headers: Mapping[bytes, Sequence[bytes]]) -> bool:
        """Whether the caller is the same for as long as the headers are.

        A token expires, and joins its user's partition once it is proven.
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
        claims = _claims(token)
        if claims.exp is not None and claims.exp <= self._now():
            raise Unauthenticated("The bearer token has expired: refresh it and ask again.")
        caller = self._caller(Credential("Authorization", f"Bearer {token.decode()}"))
        user = claims.user()
        if user is None or not self._proven(caller.partition):
            return caller
        return Caller(self._hash(b"user\0" + user), caller.credential, caller.partition)

    def _caller(self, credential: Credential) -> Caller:
        told = f"{credential.header}\0{credential.value}".encode()
        return Caller(self._hash(told), credential)

    def _hash(self, told: bytes) -> str:
        return hashlib.blake2b(told, key=self._secret, digest_size=16).hexdigest()


def _api_key(value: bytes) -> Credential:
    if not _KEY.fullmatch(value):
        raise Unauthenticated("X-API-Key must be 64 hexadecimal characters, nothing else.")
    return Credential("X-API-Key", value.decode())


def _token(value: bytes) -> bytes:
    scheme, _, token = value.partition(b" ")
    if scheme.lower() != b"bearer" or len(token) > _LONGEST_TOKEN or not _JWT.fullmatch(token):
        raise Unauthenticated("Authorization must be `Bearer` and one JWT.")
    return token


def _claims(token: bytes) -> _Claims:
    payload = token.split(b".")[1]
    try:
        return msgspec.json.decode(
            urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)), type=_Claims
        )
    except (ValueError, RecursionError, msgspec.DecodeError):
        raise Unauthenticated("The bearer token is not a JWT: its payload is not JSON.") from None
