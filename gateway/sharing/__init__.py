"""What this gateway shares with others."""
