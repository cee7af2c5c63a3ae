"""Signatures of deliveries: HMAC-SHA256 of the body, in hexadecimal."""

import hmac
from collections.abc import Sequence

_PREFIX = b"sha256="


def sign(body: bytes, secret: str) -> str:
    """Return the value of X-Webhook-Signature for a body."""
    return _PREFIX.decode() + hmac.digest(secret.encode(), body, "sha256").hex()


def is_signed(body: bytes, signature: bytes, secrets: Sequence[str]) -> bool:
    """Return True if `signature` is that of the body by one of `secrets`.

    The prefix may be missing. All comparisons take the same time, whatever differs.
    """
    shown = signature.strip().lower().removeprefix(_PREFIX)
    matches = [
        hmac.compare_digest(shown, hmac.digest(secret.encode(), body, "sha256").hex().encode())
        for secret in secrets
    ]
    return any(matches)
