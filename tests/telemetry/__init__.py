"""What the gateway counts and logs of itself."""
