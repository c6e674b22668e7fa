"""A request as the fuzz sends it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from weft.contracts.hosts import LOGIN_HOSTS, ONELAKE_HOSTS

LONGEST_HEAD_BYTES = 64 * 1024
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
TWINS = re.compile(
    r"/(?:weft/v1/twins|models|query|digitaltwins|jobs|eventroutes)(?:/.*)?", re.I | re.A | re.S
)


LOGIN = re.compile(r"/issuer(?:/.*)?", re.I | re.A | re.S)


@dataclass(frozen=True)
class Request:
    """*expected*: the statuses that a good request can have; a bent one has none.

    *fabric*: it goes to the second listener, where its `Host` says who answers.
    """

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    query: str = ""
    expected: tuple[int, ...] = ()
    fabric: bool = False

    @property
    def face(self) -> str:
        """Return which contract's envelope an error must come in, or nothing where no face is meant."""
        if self.fabric:
            return self._face_of_host()
        if self.path.startswith("/workload/"):
            return "workload"
        path = unquote(self.path)
        if TWINS.fullmatch(path):
            return "twins"
        if LOGIN.fullmatch(path):
            return "login"
        return "core" if self.path.startswith(("/v1/", "/weft/v1/")) else ""

    def _face_of_host(self) -> str:
        """Whom nobody answers for is turned away in Core's words."""
        hosts = [host.lower().removesuffix(":443") for host in self.header("Host")]
        if len(hosts) != 1:
            return "core"
        if hosts[0] in LOGIN_HOSTS:
            return "login"
        return "onelake" if hosts[0] in ONELAKE_HOSTS else "core"

    @property
    def is_http(self) -> bool:
        """Tell whether the head can be read.

        It has an upper-case method and a target in ASCII, with a slash first and no control characters.
        """
        values = "".join(value for _, value in self.headers)
        target = f"{self.path}{self.query}"
        return (
            self.method.isupper()
            and self.path.startswith("/")
            and target.isascii()
            and not CONTROL.search(_line(target + values))
        )

    def header(self, name: str) -> list[str]:
        """Return the values of the headers of that name, as the server reads them."""
        return [_line(value).strip() for given, value in self.headers if given.lower() == name.lower()]

    @property
    def is_too_long(self) -> bool:
        """Tell whether the head is longer than a server reads before it knows the path."""
        return len(self.encoded()) - len(self.body) > LONGEST_HEAD_BYTES

    def encoded(self) -> bytes:
        """Return the request as it goes over the wire, with a length unless a header bends it."""
        target = self.path + (f"?{self.query}" if self.query else "")
        lines = [f"{self.method} {_line(target).replace(' ', '%20')} HTTP/1.1"]
        lines += [f"{name}: {_line(value)}" for name, value in self.headers]
        if not any(name in ("Content-Length", "Transfer-Encoding") for name, _ in self.headers):
            lines.append(f"Content-Length: {len(self.body)}")
        head = "\r\n".join(lines).encode("utf-8", "surrogatepass")
        return head + b"\r\n\r\n" + self.body


def _line(text: str) -> str:
    """Return *text* without what would end a line of the head."""
    return text.replace("\r", "").replace("\n", "")
