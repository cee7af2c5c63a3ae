"""Lists as the API has them: what is sent for a window of rows, and what its pages hold."""
