"""The shortest way from an answer to the wire: this face's answers are small, and there are many of them."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.types import Send

Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")


@dataclass(frozen=True, slots=True)
class Answer:
    """*body* is JSON text, or empty."""

    status: int
    body: bytes = b""
    headers: tuple[Header, ...] = ()

    async def send(self, send: Send, *more: Header) -> None:
        headers = [(b"content-length", b"%d" % len(self.body)), *self.headers, *more]
        if self.body:
            headers.append(JSON)
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})
