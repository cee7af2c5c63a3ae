"""A stand-in for the Clients API, written from the API page."""
