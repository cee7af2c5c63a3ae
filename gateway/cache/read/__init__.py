"""Reads through the cache: lists, clients by id, the requests that are missing."""
