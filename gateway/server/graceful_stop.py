"""The stop of a gateway: at first it is not ready, then it drains."""

import asyncio
from collections.abc import Callable


class GracefulStop:
    """Stops a server `delay` seconds after it has reported, by `leave`, that it is not ready.

    Meanwhile it serves as before, so that load balancers, which see that it is not ready, send
    their next requests elsewhere. `drain` stops the server; its second call ends the drain.
    """

    def __init__(
        self, leave: Callable[[], None], drain: Callable[[], None], delay: float = 0.0
    ) -> None:
        self.leave = leave
        self._drain = drain
        self._delay = delay
        self._later: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Handle a signal: the second one ends the delay, the next one the drain."""
        if self._later is not None or not self._delay:
            self.drain()
            return
        self.leave()
        self._later = asyncio.get_running_loop().call_later(self._delay, self.drain)

    def drain(self) -> None:
        """Drain now."""
        if self._later is not None:
            self._later.cancel()
        self.leave()
        self._drain()
