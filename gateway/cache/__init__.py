"""What we remember about clients: whose it is, how old it is, and when it may be told."""
