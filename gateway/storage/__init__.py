"""The state directory and its SQLite database."""
