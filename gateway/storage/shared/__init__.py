"""State that several gateways share in one Valkey or Redis server."""
