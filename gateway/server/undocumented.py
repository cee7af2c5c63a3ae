"""The names of uvicorn that its documentation does not promise: only these may be missing one day.

No private name (`_name`) is used. tests/packaging/test_http_pins.py checks each name, and what the
server reads and overrides of it.
"""

from uvicorn.loops.auto import auto_loop_factory
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

__all__ = [
    "FlowControl",
    "RequestResponseCycle",
    "ServerState",
    "auto_loop_factory",
    "get_local_addr",
    "get_remote_addr",
]
