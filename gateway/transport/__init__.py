"""A strict HTTP/1.1 client."""
