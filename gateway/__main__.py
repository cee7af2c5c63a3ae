"""`python -m gateway` is the clients-gateway command."""

from gateway.cli.main import main

main()
