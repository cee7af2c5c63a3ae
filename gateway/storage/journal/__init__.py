"""What several gateways read and wrote, in one order for all."""
