"""llhttp (through httptools), which reads the fields of a head and the chunks of a body."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httptools

from gateway.server.http1.head import ProtocolError

if TYPE_CHECKING:
    from gateway.server.http1.head import Headers

MALFORMED = "The request is not one of HTTP/1.1 (RFC 9112)."


class MessageParser:
    """What llhttp found in the pieces of one request; `reset` begins the next one."""

    def __init__(self, max_body_bytes: int) -> None:
        self._most_kept = max_body_bytes + 1
        self._parser = httptools.HttpRequestParser(self)
        self._messages = 0
        """Messages that llhttp has seen begin: one, or it ends them elsewhere than we do."""
        self.reset()

    def reset(self, *, renew: bool = False) -> None:
        """Begin another request; with `renew` by another parser of llhttp."""
        if renew:
            self._parser = httptools.HttpRequestParser(self)
        self.headers: Headers = []
        """With names in lower case, once the head has come: trailers are dropped."""
        self.body = bytearray()
        """At most one byte more than may be kept."""
        self.body_size = 0
        """Bytes of the body that have come."""
        self.head_whole = False
        self.whole = False
        self.upgrade = False
        self.keep_alive = False
        self._messages = 0

    def feed(self, piece: bytes) -> None:
        """Parse a piece that holds no more than this request. Raises `ProtocolError`."""
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            pass  # as `upgrade` says
        except httptools.HttpParserInvalidMethodError:
            raise ProtocolError(501, "The method is none that is known.") from None
        except httptools.HttpParserError:
            raise ProtocolError(400, MALFORMED) from None
        if self._messages > 1:
            raise ProtocolError(400, MALFORMED)

    def ignore_upgrade(self, length: int | None) -> None:
        """Read the body as if no upgrade had been wished for (RFC 9110, 7.8).

        llhttp has stopped where the head ends; another parser begins with the same framing,
        `length` bytes or chunks.
        """
        self._parser = httptools.HttpRequestParser(self)
        self._messages = 0
        self.whole = length == 0
        if not self.whole:
            body = (
                b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
            )
            self.feed(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % body)

    def close(self) -> None:
        """Let go of llhttp's parser, which refers back."""
        del self._parser

    # What llhttp calls.

    def on_message_begin(self) -> None:
        """A first byte."""
        self._messages += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        if not self.head_whole:
            self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """The end of the head."""
        if not self.head_whole:
            self.head_whole = True
            self.keep_alive = self._parser.should_keep_alive()
            self.upgrade = self._parser.should_upgrade()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self.body_size += len(body)
        room = self._most_kept - len(self.body)
        if room > 0:
            self.body += body[:room]

    def on_message_complete(self) -> None:
        """The last byte."""
        self.whole = True
