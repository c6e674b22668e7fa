"""The face behind the doors of the server, which close the connection for all faces."""

from __future__ import annotations

from tests.faces.core.serving import HOST, Served
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Request
from weft.faces.core.doors import envelope
from weft.faces.doors import Doors


async def test_a_body_that_is_too_large_is_told_once_that_the_connection_closes(served: Served) -> None:
    doors = Doors(served.app, default=envelope, envelopes={}, requests_at_once=1)
    headers = (("Authorization", f"Bearer {served.token()}"), ("Content-Type", "application/json"))
    request = Request("POST", "/v1/workspaces", headers, b" " * (64 * 1024 + 1))

    answer = await InProcess(doors, host=HOST).send(request)

    assert answer.status == 413
    assert [value for name, value in answer.headers if name.lower() == "connection"] == ["close"]
