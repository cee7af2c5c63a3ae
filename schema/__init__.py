"""The graph: what it says about clients, and what it needs in order to say it."""
