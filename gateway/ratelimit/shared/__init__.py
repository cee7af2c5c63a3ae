"""A rate limiter whose budget is shared with other gateways."""
