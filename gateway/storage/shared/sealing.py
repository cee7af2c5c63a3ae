"""Encryption of what is stored in the server, with a key that the server does not have."""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE = 12


class Sealer:
    """Authenticated encryption, and keyed names, for one purpose.

    Gateways with the same secret decrypt each other's data. 2 ** 32 random nonces for one key are
    safe (NIST SP 800-38D, 8.3): more than the API's calls of centuries.
    """

    def __init__(self, secret: bytes, purpose: bytes) -> None:
        """Derive the keys of `purpose`, of at most 14 bytes, from the secret."""
        self._key = _derive(secret, purpose + b"/k")
        self._name_key = _derive(secret, purpose + b"/n")
        self._cipher = AESGCM(self._key)

    def seal(self, data: bytes, place: bytes) -> bytes:
        """Encrypt data, which can be decrypted for the same `place` only."""
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, data, place)

    def sealed_same(self, data: bytes, place: bytes) -> bytes:
        """Encrypt as `seal`, equal data to equal bytes: the nonce is a keyed hash of them."""
        nonce = hmac.digest(self._name_key, place + b"\0" + data, "sha256")[:NONCE]
        return nonce + self._cipher.encrypt(nonce, data, place)

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """Decrypt. Raises `ValueError` if these are other data, or of another place."""
        try:
            return self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], place)
        except InvalidTag:
            raise ValueError("data in the server are not of a gateway with this secret") from None

    def name(self, *parts: bytes) -> str:
        """Return a keyed hash of these parts, as a name in the server."""
        whole = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._name_key, whole, "sha256")[:16].hex()


def _derive(secret: bytes, person: bytes) -> bytes:
    return hashlib.blake2b(
        key=hashlib.sha512(secret).digest(), digest_size=32, person=person
    ).digest()
