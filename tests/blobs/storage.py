"""A storage of the tests' own: it serves one blob as the real one does, until it is told to do worse."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

Answer = Callable[["Handler"], None]
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


@dataclass
class Seen:
    """A request as it arrived, and from which port of the client."""

    method: str
    path: str
    headers: Message
    port: int


@dataclass
class FakeStorage:
    """*answers* are given one each, to requests of their method; after them, and before, the right ones."""

    content: bytes = b""
    tag: str = '"0x1"'
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None

    def __enter__(self) -> Self:
        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def will(self, method: str, *answers: Answer) -> None:
        self.answers.setdefault(method, []).extend(answers)

    def of(self, method: str) -> list[Seen]:
        return [request for request in self.seen if request.method == method]


class Handler(BaseHTTPRequestHandler):
    storage: FakeStorage
    protocol_version = "HTTP/1.1"
    body = b""

    def answer(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        port = int(self.client_address[1])
        self.storage.seen.append(Seen(self.command, self.path, self.headers, port))
        waiting = self.storage.answers.get(self.command)
        (waiting.pop(0) if waiting else right)(self)

    do_GET = do_HEAD = do_PUT = answer  # noqa: N815 - names of the library

    def say(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def stop(self) -> None:
        self.close_connection = True


def _handler(of: FakeStorage) -> type[Handler]:
    class Bound(Handler):
        storage = of

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, OSError):
                self.stop()  # the client did not want to hear more

    return Bound


def right(handler: Handler) -> None:
    """Answer as the real storage does."""
    if handler.command == "PUT":
        _take(handler)
        return
    storage = handler.storage
    found = _RANGE.fullmatch(handler.headers.get("x-ms-range", handler.headers.get("Range", "")))
    common = {"ETag": storage.tag, "x-ms-blob-type": "BlockBlob", **storage.headers}
    if handler.command == "HEAD" or found is None:
        handler.say(200, storage.content, common)
        return
    start, last = int(found[1]), int(found[2])
    part = storage.content[start : last + 1]
    total = f"bytes {start}-{start + len(part) - 1}/{len(storage.content)}"
    handler.say(206, part, {**common, "Content-Range": total})


def _take(handler: Handler) -> None:
    storage = handler.storage
    if "comp=appendblock" not in handler.path:
        storage.content = b""
    elif int(handler.headers.get("x-ms-blob-condition-appendpos", "0")) != len(storage.content):
        handler.say(412, headers={"x-ms-error-code": "AppendPositionConditionNotMet"})
        return
    storage.content += handler.body
    handler.say(201, headers={"ETag": storage.tag})


def taking_effect_without_an_answer(handler: Handler) -> None:
    handler.storage.content += handler.body
    handler.stop()


def saying(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    return lambda handler: handler.say(status, body, headers)


def silent(handler: Handler) -> None:
    handler.storage.over.wait(30)
    handler.stop()


def dripping(handler: Handler) -> None:
    """Answer with a byte whenever the client is about to lose patience."""
    storage = handler.storage
    handler.send_response(206)
    handler.send_header("Content-Length", str(len(storage.content)))
    handler.send_header("Content-Range", f"bytes 0-{len(storage.content) - 1}/{len(storage.content)}")
    handler.send_header("ETag", storage.tag)
    handler.end_headers()
    for _ in storage.content:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        if storage.over.wait(0.05):
            break
    handler.stop()


def part_of_it(sent: int) -> Answer:
    """Promise the whole range, and hang up after *sent* bytes."""

    def answer(handler: Handler) -> None:
        size = len(handler.storage.content)
        handler.send_response(206)
        handler.send_header("Content-Length", str(size))
        handler.send_header("Content-Range", f"bytes 0-{size - 1}/{size}")
        handler.send_header("ETag", handler.storage.tag)
        handler.end_headers()
        handler.wfile.write(handler.storage.content[:sent])
        handler.stop()

    return answer


def flooding(handler: Handler) -> None:
    """Answer without a length and without an end."""
    handler.send_response(206)
    handler.send_header("Content-Range", "bytes 0-9/10")
    handler.send_header("ETag", handler.storage.tag)
    handler.send_header("Connection", "close")
    handler.end_headers()
    while not handler.storage.over.is_set():
        handler.wfile.write(b"x" * 65536)
