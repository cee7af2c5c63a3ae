"""A write happens once, and its outcome is known."""
