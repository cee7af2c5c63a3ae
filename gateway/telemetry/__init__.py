"""Numbers about the gateway for Prometheus, and the log of its requests."""
