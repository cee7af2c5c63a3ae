"""Subscriptions: changes of clients, read once for each caller and delivered to each subscriber."""
