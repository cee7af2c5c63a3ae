"""The Clients REST API, spoken: what is sent, in which order, at what price, and what came back."""
