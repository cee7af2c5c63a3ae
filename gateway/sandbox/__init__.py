"""The Clients API in miniature, written from its documentation alone."""
