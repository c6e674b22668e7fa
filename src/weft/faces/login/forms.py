"""What a token request holds: a form of bounded size, each of its parameters once."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request

from weft.auth.grants import GrantRefused

LONGEST_BYTES: Final = 64 * 1024
MOST_FIELDS: Final = 64

_FORM: Final = "application/x-www-form-urlencoded"


async def read_form(request: Request, *, seconds: float) -> dict[str, str]:
    """Return the fields of the body. Raises GrantRefused, and ClientDisconnect where the client went away."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        async with asyncio.timeout(seconds):
            raw = await _received(request)
    except TimeoutError:
        raise _malformed(f"The body did not arrive within {seconds:g} seconds.", status=408) from None
    if raw and media_type != _FORM:
        raise _malformed(f"The Content-Type must be {_FORM}.")
    return _fields(raw)


async def _received(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BYTES:
            raise _malformed(f"The body is longer than {LONGEST_BYTES} bytes.", status=413)
    return bytes(body)


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """Return id and secret of `Authorization: Basic`, None where there is no such header.

    Raises GrantRefused.
    """
    values = request.headers.getlist("authorization")
    if not values:
        return None
    scheme, _, encoded = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "basic":
        raise _malformed("The Authorization header of a token request is Basic, and there is one at most.")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise _malformed("The Authorization header holds no Basic credentials.") from None
    if not colon:
        raise _malformed("The Authorization header holds no Basic credentials.")
    return unquote_plus(client_id), unquote_plus(secret)


def _fields(raw: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise _malformed(f"The body is no form of at most {MOST_FIELDS} fields in UTF-8.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise GrantRefused(
            "invalid_request",
            9000411,
            f"The request is not properly formatted. The parameter '{twice[:100]}' is duplicated.",
        )
    return fields


def _malformed(message: str, *, status: int = 400) -> GrantRefused:
    return GrantRefused(
        "invalid_request",
        9002313,
        f"Invalid request. Request is malformed or invalid. {message}",
        status=status,
    )
