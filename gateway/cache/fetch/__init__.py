"""Fetches of what the cache lacks, and their way into the cache."""
