"""What the host reads from the headers of a call: who calls, and under which ids it is told of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from weft.faces.workload.answers import Header

_SOUND = re.compile(rb"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class CallHeaders:
    """*authorization* and *tenant* are all values sent: the verifier decides what more than one means.

    *activity_id* and *request_id* are the caller's where they are 1 to 128 visible ASCII characters, and ours
    where they are not, or are missing.
    """

    authorization: list[str]
    tenant: list[str]
    activity_id: bytes
    request_id: bytes

    @property
    def echo(self) -> tuple[Header, Header]:
        """The ids that this call goes by in our logs; the contract asks for no header of an answer."""
        return (b"activityid", self.activity_id), (b"requestid", self.request_id)


def read_headers(headers: Iterable[Header]) -> CallHeaders:
    """*headers* as ASGI gives them: names in lower case."""
    authorization: list[str] = []
    tenant: list[str] = []
    activity_id = request_id = b""
    for name, value in headers:
        if name == b"authorization":
            authorization.append(value.decode("latin-1"))
        elif name == b"x-ms-client-tenant-id":
            tenant.append(value.decode("latin-1"))
        elif name == b"activityid":
            activity_id = value
        elif name == b"requestid":
            request_id = value
    return CallHeaders(authorization, tenant, _sound(activity_id), _sound(request_id))


def _sound(value: bytes) -> bytes:
    return value if _SOUND.fullmatch(value) else str(uuid4()).encode()
