"""The other end of a TLS connection, on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def connected(context: ssl.SSLContext) -> Iterator[socket.socket]:
    """Yield the end of a client, to whom the other end says `ok`."""

    def answer() -> None:
        plain, _ = listener.accept()
        try:
            with context.wrap_socket(plain, server_side=True) as secure:
                secure.sendall(b"ok")
        except OSError:
            plain.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        with socket.create_connection(listener.getsockname(), timeout=10) as plain:
            yield plain
        thread.join(10)
