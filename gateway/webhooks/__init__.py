"""Webhooks of the Clients API: verified, and understood as hints of changes."""
