"""Writes through the cache: what a write changes of what is held."""
