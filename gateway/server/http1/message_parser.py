"""Parse header fields and chunked bodies with llhttp (through httptools)."""

import httptools

from gateway.server.http1.head import Headers, ProtocolError

MALFORMED = "The request is not one of HTTP/1.1 (RFC 9112)."


class MessageParser:
    """The result of llhttp for the pieces of one request; `reset` starts the next one."""

    def __init__(self, max_body_bytes: int) -> None:
        self._most_kept = max_body_bytes + 1
        self.reset(renew=True)

    def reset(self, *, renew: bool = False) -> None:
        """Start the next request; `renew` creates a new llhttp parser for it."""
        if renew:
            self._parser = httptools.HttpRequestParser(self)
        self.headers: Headers = []
        """Header fields with lower-case names; trailers are dropped."""
        self.body = bytearray()
        """The body, cut off one byte after the limit."""
        self.body_size = 0
        """Bytes of the body that have arrived."""
        self.head_whole = False
        self.whole = False
        self.upgrade = False
        self.keep_alive = False
        self._messages = 0
        """Messages that llhttp has started; more than one means that it found another boundary."""

    def feed(self, piece: bytes) -> None:
        """Parse bytes that belong to this request only. Raises `ProtocolError`."""
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            pass  # `upgrade` is set
        except httptools.HttpParserInvalidMethodError:
            raise ProtocolError(501, "The method is none that is known.") from None
        except httptools.HttpParserError:
            raise ProtocolError(400, MALFORMED) from None
        if self._messages > 1:
            raise ProtocolError(400, MALFORMED)

    def ignore_upgrade(self, length: int | None) -> None:
        """Parse the body as if no upgrade had been requested (RFC 9110, 7.8).

        llhttp stopped at the end of the head; a new parser starts with the same framing, `length`
        bytes or chunks.
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
        """Release llhttp's parser, which references this object."""
        del self._parser

    # Callbacks of llhttp.

    def on_message_begin(self) -> None:
        """Count the start of a message."""
        self._messages += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header field; drop a trailer."""
        if not self.head_whole:
            self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        """Record the end of the head and what it says of the connection."""
        if not self.head_whole:
            self.head_whole = True
            self.keep_alive = self._parser.should_keep_alive()
            self.upgrade = self._parser.should_upgrade()

    def on_body(self, body: bytes) -> None:
        """Count a piece of the body and store what fits."""
        self.body_size += len(body)
        room = self._most_kept - len(self.body)
        if room > 0:
            self.body += body[:room]

    def on_message_complete(self) -> None:
        """Record the end of the request."""
        self.whole = True
