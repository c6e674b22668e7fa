"""An address as an ASGI application, as the Core and Twins faces have them: one operation a method.

Whatever a face expects to go wrong is raised inside, and told by the table of that face.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from weft.auth.errors import TokenFault, TokenRefused
from weft.catalog.catalog import random_id
from weft.catalog.model import Principal
from weft.engine.errors import Overloaded, StoreUnavailable
from weft.faces.http import Refusal, Refused

Op = TypeVar("Op")
Row = TypeVar("Row")

UNAVAILABLE_SECONDS = 1


class EndpointNotFound(Exception):
    """There is nothing at this address."""


class MethodNotAllowed(Exception):
    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(method)
        self.method = method
        self.allowed = allowed


class Endpoint(ABC, Generic[Op]):
    """*operations* by method; none: there is nothing at the address.

    The token is looked at before all else, so that nothing can be learnt without one.
    """

    expected: tuple[type[Exception], ...]

    def __init__(self, operations: Mapping[str, Op]) -> None:
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        id = random_id()
        try:
            response = await self._respond(request, id)
        except self.expected as error:
            response = self.answer(error, id)
        except ClientDisconnect:
            return  # nobody is left to answer
        self.dress(response, request, id)
        await response(scope, receive, send)

    @abstractmethod
    def authenticate(self, request: Request) -> Principal:
        """Return who calls. Raises what is expected."""

    @abstractmethod
    async def perform(self, operation: Op, request: Request, id: str, caller: Principal) -> Response:
        """Do what *caller* asks for, if it may. Raises what is expected."""

    @abstractmethod
    def answer(self, error: Exception, id: str) -> Response:
        """Return the answer to one of the expected errors."""

    @abstractmethod
    def dress(self, response: Response, request: Request, id: str) -> None:
        """Give *response* what every answer of the face carries."""

    async def _respond(self, request: Request, id: str) -> Response:
        caller = self.authenticate(request)
        if not self._operations:
            raise EndpointNotFound
        operation = self._operations.get(request.method)
        if operation is None:
            raise MethodNotAllowed(request.method, tuple(sorted(self._operations)))
        return await self.perform(operation, request, id, caller)


def row_of(error: Exception, table: Mapping[type[Exception], Row], refusals: Mapping[Refusal, Row]) -> Row:
    """Return the row of a Refused, or of an error whose class, or one above it, is in *table*."""
    if isinstance(error, Refused):
        return refusals[error.kind]
    return next(table[known] for known in type(error).__mro__ if known in table)


def headers_of(error: Exception) -> dict[str, str]:
    """Return the headers that HTTP has for what is wrong."""
    match error:
        case TokenRefused():
            missing = error.code is TokenFault.MISSING
            return {"WWW-Authenticate": "Bearer" if missing else 'Bearer error="invalid_token"'}
        case MethodNotAllowed():
            return {"Allow": ", ".join(error.allowed)}
        case Overloaded():
            return {"Retry-After": str(error.retry_after_seconds)}
        case StoreUnavailable():
            return {"Retry-After": str(UNAVAILABLE_SECONDS)}
        case _:
            return {}
