"""The Clients API's language: requests, responses, failures and retries."""
