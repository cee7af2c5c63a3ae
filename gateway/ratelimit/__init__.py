"""The API's 500 requests in 15 minutes, shared fairly between callers."""
