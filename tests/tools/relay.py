"""Between an exporter and its database: what is sent either way can be swallowed, or cut."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import time


class Relay:
    """Listens on a port of its own for one that is given.

    there, back: while set, what is sent that way is swallowed, and nobody is told.
    swallowed: set once something was, since the last `swallow`.
    connected: from which ports it did, as the server sees its clients, and when, in Unix seconds.
    """

    def __init__(self, port: int) -> None:
        self.there, self.back = threading.Event(), threading.Event()
        self.swallowed = threading.Event()
        self.connected: list[tuple[int, float]] = []
        self._to = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def swallow(self, *, there: bool = True, back: bool = True) -> None:
        """From now on nothing arrives on the ways that are named, until `pass_on`."""
        self.swallowed.clear()
        for way, on in ((self.there, there), (self.back, back)):
            if on:
                way.set()

    def pass_on(self) -> None:
        """All arrives again; what was swallowed did for ever, so the connections are of no use."""
        self.there.clear()
        self.back.clear()

    def cut(self) -> None:
        """End all connections."""
        for each in self._pairs:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def close(self) -> None:
        """Listen no more, and end all connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._to))
                except OSError:
                    near.close()
                    continue
                self._pairs += [near, far]
                self.connected.append((far.getsockname()[1], time()))
                for source, target, way in ((near, far, self.there), (far, near, self.back)):
                    work = (source, target, way)
                    threading.Thread(target=self._pump, args=work, daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, way: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if way.is_set():
                    self.swallowed.set()
                else:
                    target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        source.close()  # the other way's own thread closes the target


@contextmanager
def relayed(port: int) -> Iterator[Relay]:
    """A relay to that port, closed with the block."""
    relay = Relay(port)
    try:
        yield relay
    finally:
        relay.close()
