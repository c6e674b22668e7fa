"""What can be expected to go wrong between a client and a server."""

from __future__ import annotations


class ClientError(Exception):
    """The root of the expected errors of the client. Its text is fit to be shown to a person."""


class ApiError(ClientError):
    """The server refused. *code* and *message* are its own; *request_id* finds the call in its log."""

    def __init__(self, status: int, code: str, message: str, request_id: str | None) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.status = status
        self.code = code
        self.message = message
        self.request_id = request_id


class ServerUnreachable(ClientError):
    """No answer came: the server is not there, or the connection broke. A write may have arrived."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"no answer from {url}: {reason}")
        self.url = url
        self.reason = reason


class UnreadableAnswer(ClientError):
    """An answer that is not of the contract: there is probably no weft server at the address."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} gave an answer that weft does not give: {reason}")
        self.url = url
        self.reason = reason


class WaitTimedOut(ClientError):
    """The job had not ended in time; it goes on."""

    def __init__(self, job: str, seconds: float) -> None:
        super().__init__(f"job {job} has not ended within {seconds:g} seconds")
        self.job = job
        self.seconds = seconds
