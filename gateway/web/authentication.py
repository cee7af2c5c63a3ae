"""Who is asking: one credential in one header, checked for shape before it costs anything."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from schema.source.errors import Unauthenticated
from schema.source.request_context import Caller, Credential

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")
_KEY = re.compile(rb"[0-9a-fA-F]{64}")
"""API page, Authentication: 64 hex characters, no prefix."""
_BEARER = re.compile(rb"bearer +([\w-]+\.[\w-]+\.[\w-]+)", re.ASCII | re.IGNORECASE)
"""A scheme, blanks and one token (RFC 9110, 11.4; RFC 6750, 2.1)."""
_BLANK = b" \t"
"""What may stand around a field's value and is no part of it (RFC 9110, 5.5)."""
_LONGEST_TOKEN = 8192
"""Bytes; tokens with groups and scopes of a large organisation come near it."""
_LEEWAY = 30.0
"""Seconds by which clocks may differ before a token counts as expired (RFC 7519, 4.1.4)."""
_OF_THE_TOKEN = frozenset({"exp", "iat", "nbf", "jti", "auth_time"})
"""Claims that each token of one user has its own of (RFC 7519, 4.1; OpenID Connect Core, 2)."""


class _Times(msgspec.Struct):
    """Of a token's claims, when it ends."""

    exp: float | None = None


class AmbiguousCredentials(Unauthenticated):
    """More than one credential came: whose question it is cannot be told."""


class Authenticator:
    """Turns a request's headers into a caller.

    `secret` keys the hash that partitions callers. `proven` says, by a credential's hash, whether
    the API has accepted it within minutes: that proves a token's claims, and only for so long is it
    in the partition of all tokens with the same claims. Before and after, it has one of its own.
    `refused` says whether the API has just refused it: such a credential gets its 401 here, before
    anything remembered or on record is looked at.

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
        """Keyed hashes of the credentials that the operator set."""
        return frozenset(each.hash for each in (self._anonymous, self._service) if each is not None)

    def authenticate(self, headers: Mapping[bytes, Sequence[bytes]]) -> Caller | None:
        """Who asks, or None when no credential came. Raises `Unauthenticated` for a bad one."""
        keys, tokens = headers.get(b"x-api-key", ()), headers.get(b"authorization", ())
        if len(keys) + len(tokens) > 1:
            raise AmbiguousCredentials("Send one credential: X-API-Key or Authorization, once.")
        if keys:
            return self.admitted(self._caller(_api_key(keys[0])))
        if tokens:
            return self.admitted(self._bearer(tokens[0]))
        if self._service is not None:
            self._prove(headers.get(b"x-gateway-token", ()))
            return self._service
        return self._anonymous

    def admitted(self, caller: Caller) -> Caller:
        """The caller. Raises `Unauthenticated` for one whose credential the API has refused.

        Those who act by the gateway's own credential cannot mend it: they learn of it by field.
        """
        own = caller is not self._service and caller is not self._anonymous
        if own and self._refused(caller.hash):
            raise Unauthenticated("The API does not accept this credential.")
        return caller

    def is_cacheable(self, headers: Mapping[bytes, Sequence[bytes]]) -> bool:
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
        payload = _payload(token)
        exp = _convert(payload, _Times).exp
        if exp is not None and exp + _LEEWAY <= self._now():
            raise Unauthenticated("The bearer token has expired: refresh it and ask again.")
        caller = self._caller(Credential("Authorization", f"Bearer {token.decode()}"))
        claims = _user(_convert(payload, dict[str, Any]))
        if claims is None:
            return caller
        user = self._hash(b"user\0" + claims)
        if self._proven(caller.partition):
            return Caller(user, caller.credential, caller.partition)
        return Caller(caller.partition, caller.credential, claimed=user)

    def _caller(self, credential: Credential) -> Caller:
        told = f"{credential.header}\0{credential.value}".encode()
        return Caller(self._hash(told), credential)

    def _hash(self, told: bytes) -> str:
        return hashlib.blake2b(told, key=self._secret, digest_size=16).hexdigest()


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
    """The same for all tokens with the same claims; None where they name no user.

    All claims count but those that differ per token: any of them may decide whose rows are shown.
    """
    user = claims.get("sub")
    if not isinstance(user, str | int) or not user:
        return None
    lasting = {name: value for name, value in claims.items() if name not in _OF_THE_TOKEN}
    return msgspec.json.encode(lasting, order="deterministic")


def _no_jwt() -> Unauthenticated:
    return Unauthenticated("The bearer token is not a JWT: its payload is not JSON.")
