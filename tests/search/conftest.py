"""The gateway before a sandbox, as `tests.gateway` has it."""

from tests.gateway.conftest import compiled, gateway, sandbox

__all__ = ["compiled", "gateway", "sandbox"]
