"""A loopback relay that keeps what clients send, connection by connection."""

import contextlib
import re
import socket
import threading
from collections.abc import Iterator

REQUEST_LINE = re.compile(rb"(?:^|(?<=[\r\n}\]]))([A-Z]+ /\S*) HTTP/1\.1\r\n")


class Recorder:
    """Passes bytes both ways; `heard` holds what each connection's client sent so far."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.heard: list[bytearray] = []
        self.port: int = self._listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def requests(self) -> list[str]:
        """The method and path of each request, in the order of the connections."""
        lines = [line for heard in self.heard for line in REQUEST_LINE.findall(bytes(heard))]
        return [line.decode() for line in lines]

    def used(self) -> list[int]:
        """How many requests each connection carried; none for one opened in advance."""
        return [len(REQUEST_LINE.findall(bytes(heard))) for heard in self.heard]

    def accept(self) -> None:
        """Relay connections until closed."""
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._upstream))
                for each in (near, far):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._sockets.append(each)
                heard = bytearray()
                self.heard.append(heard)
                for source, target, kept in ((near, far, heard), (far, near, None)):
                    threading.Thread(target=_pour, args=(source, target, kept)).start()

    def close(self) -> None:
        """End the relay and every connection through it."""
        for each in (self._listening, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _pour(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65_536):
            if kept is not None:
                kept += piece
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def recorder(port: int) -> Iterator[Recorder]:
    """A relay before this loopback port, until the block ends."""
    relay = Recorder(port)
    thread = threading.Thread(target=relay.accept)
    thread.start()
    try:
        yield relay
    finally:
        relay.close()
        thread.join()
