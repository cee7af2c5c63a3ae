"""What the gateway keeps across restarts."""
