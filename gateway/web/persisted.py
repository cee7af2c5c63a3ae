"""The documents that may be executed, and the lookup of those sent by id or hash.

Trusted documents come from a file written by the build of a client. Automatic ones are registered
by any client that sends a text with its hash (Apollo's automatic persisted queries, version 1).
"""

import hashlib
import sys
from collections.abc import Mapping
from enum import StrEnum

from cachetools import LRUCache
from graphql import GraphQLError

from gateway.web.protocol.content import BadRequest
from gateway.web.request import GraphQLRequest


class DocumentPolicy(StrEnum):
    """The documents that are executed."""

    ANY = "any"
    """Every document, sent as a text, a hash or an id."""
    PERSISTED = "persisted"
    """Documents sent by hash, with or without their text, and trusted ones."""
    TRUSTED = "trusted"
    """Only the documents in the file."""


class PersistedDocuments:
    """Finds the text of the document that a request names.

    `trusted` has texts by id. Automatic ones take at most `memory` bytes, and the least
    recently used is removed first; with 0 they are not supported.
    """

    def __init__(
        self, accepted: DocumentPolicy, trusted: Mapping[str, str], *, memory: int
    ) -> None:
        self._accepted = accepted
        self.trust(trusted)
        self._automatic: LRUCache[str, str] | None = None
        if memory and accepted is not DocumentPolicy.TRUSTED:
            self._automatic = LRUCache(memory, getsizeof=sys.getsizeof)

    def trust(self, documents: Mapping[str, str]) -> None:
        """Replace the trusted documents."""
        self._trusted = {_sha256(text): text for text in documents.values()} | dict(documents)
        self._texts = frozenset(documents.values())

    def resolve(self, request: GraphQLRequest) -> str:
        """Return the text of the document.

        Raises `GraphQLError` if it is unknown or may not be executed, and `BadRequest` if the hash
        is not that of the text.
        """
        if request.document_id is not None:
            return self._by_id(request.document_id)
        sha256, query = request.sha256, request.query
        if query is None:
            assert sha256 is not None  # noqa: S101 - a request has at least one of the three
            return self._by_hash(sha256)
        if sha256 is not None and _sha256(query) != sha256:
            raise BadRequest(400, "The `sha256Hash` is not the hash of the `query`.")
        if self._accepted is DocumentPolicy.ANY or query in self._texts:
            return query
        if self._accepted is DocumentPolicy.TRUSTED or sha256 is None:
            raise _refusal("PERSISTED_QUERY_REQUIRED", _REQUIRED[self._accepted])
        return query

    def is_persisted(self, text: str) -> bool:
        """Return whether a client can send the document without its text."""
        return text in self._texts or (
            self._automatic is not None and _sha256(text) in self._automatic
        )

    def is_trusted(self, request: GraphQLRequest) -> bool:
        """Return whether the document of a request that was resolved is one of the file."""
        if request.query is not None:
            return request.query in self._texts
        id = request.document_id or request.sha256 or ""
        return id in self._trusted or id.removeprefix("sha256:") in self._trusted

    def register(self, request: GraphQLRequest) -> None:
        """Register the document of a request with a hash, after the document was found valid."""
        text = request.query
        if request.sha256 is None or text is None or self._automatic is None:
            return
        if sys.getsizeof(text) <= self._automatic.maxsize:
            self._automatic[request.sha256] = text

    def _by_id(self, id: str) -> str:
        text = self._trusted.get(id) or self._trusted.get(id.removeprefix("sha256:"))
        if text is None and self._automatic is not None:
            text = self._automatic.get(id.removeprefix("sha256:"))
        if text is None:
            raise _refusal("PERSISTED_QUERY_NOT_FOUND", "There is no document with this id.")
        return text

    def _by_hash(self, sha256: str) -> str:
        text = self._trusted.get(sha256)
        if text is not None:
            return text
        if self._accepted is DocumentPolicy.TRUSTED:
            raise _refusal("PERSISTED_QUERY_REQUIRED", _REQUIRED[self._accepted])
        if self._automatic is None:
            raise _refusal("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
        text = self._automatic.get(sha256)
        if text is None:
            raise _refusal("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        return text


_REQUIRED = {
    DocumentPolicy.PERSISTED: "Send the document's hash in `extensions.persistedQuery`.",
    DocumentPolicy.TRUSTED: "Only documents that this gateway was given in advance are executed.",
}


def _refusal(code: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
