"""The commands of `clients-gateway`."""
