"""List calls of the API: planning pages for a window of rows, and decoding and joining them."""
