"""`python -m gateway` is the clients-gateway command."""

from gateway.cli import main

main()
