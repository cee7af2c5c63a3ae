"""Requests of HTTP/1.1, read strictly off the bytes of a connection (RFC 9112)."""
