"""What a gateway reads and writes, as all gateways learn of it."""
