"""Subscriptions over HTTP: the responses that go on, and what they need to be opened."""
