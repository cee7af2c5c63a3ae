"""The contract between the graph and what it reads clients from."""
