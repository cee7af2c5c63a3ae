"""HTTP/1.1 towards clients: connections, limits, deadlines, the fast path."""
