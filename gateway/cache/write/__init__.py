"""Writes through the cache: their effect on cached records and lists."""
