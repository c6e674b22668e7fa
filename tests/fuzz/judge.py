"""What is wrong with an answer, whichever face gave it: its envelope, and what a caller may be given."""

from __future__ import annotations

from dataclasses import dataclass

from tests.fuzz.answers import Answer, fault, unexpected
from tests.fuzz.blobs import Secrets
from tests.fuzz.callers import Callers
from tests.fuzz.lake import lake_fault
from tests.fuzz.login import Clients, login_fault
from tests.fuzz.message import Request
from tests.fuzz.twins_answers import twins_fault


@dataclass(frozen=True)
class Judge:
    """*entitled*: for a face, the values of `Authorization` to which it may grant anything."""

    callers: Callers
    clients: Clients
    secrets: Secrets
    entitled: dict[str, frozenset[str]]

    def wrong(self, request: Request, answer: Answer) -> str:
        """Return what is wrong with *answer*, or nothing."""
        text = f"{answer.headers} {answer.body.decode('latin-1')}"
        if self.secrets.told_in(text):
            return f"a signature is told: {answer.body!r}"
        if request.face != "login" and self.clients.told_in(text):
            return f"a token or a secret is told: {answer.body!r}"
        return self._of_face(request, answer) or self._right(request, answer) or unexpected(request, answer)

    def _of_face(self, request: Request, answer: Answer) -> str:
        match request.face:
            case "twins":
                return twins_fault(request, answer, self.callers.role(request))
            case "login":
                return login_fault(request, answer, self.clients)
            case "onelake":
                return lake_fault(request, answer)
        return fault(request, answer)

    def _right(self, request: Request, answer: Answer) -> str:
        entitled = self.entitled.get(request.face)
        if answer.status >= 300 or entitled is None:
            return ""
        given = request.header("Authorization")
        is_entitled = len(given) == 1 and given[0] in entitled
        return "" if is_entitled else f"somebody without a right is answered {answer.status}"
