"""The gateway: keeps the graph's contract with the REST API, remembers, and serves it."""
