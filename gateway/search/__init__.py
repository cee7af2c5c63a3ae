"""Search, filter, sort and count a collection of clients that is held: pure functions."""
