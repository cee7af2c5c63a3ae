"""Strict parsing of HTTP/1.1 requests from the bytes of a connection (RFC 9112)."""
