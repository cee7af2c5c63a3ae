"""The page that shows the state of the gateway."""
