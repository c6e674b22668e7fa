"""One listener for several services: who answers is what `Host` names."""

from __future__ import annotations

import pytest
from starlette.types import Receive, Scope, Send

from weft.faces.hosts import HostSwitch


class Named:
    def __init__(self, name: str, calls: list[str]) -> None:
        self._name = name
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._calls.append(self._name)


async def answered(*hosts: bytes) -> list[str]:
    calls: list[str] = []
    switch = HostSwitch(
        {"Api.Example": Named("api", calls), "login.example": Named("login", calls)}, Named("default", calls)
    )
    headers = [(b"host", host) for host in hosts]

    async def unused(*_: object) -> None:
        raise AssertionError

    await switch({"type": "http", "headers": headers}, unused, unused)  # type: ignore[arg-type]  # never called
    return calls


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"api.example", "api"),
        (b"API.example:443", "api"),
        (b"login.example", "login"),
        (b"login.example:8443", "default"),
        (b"login.example.", "default"),
        (b"xlogin.example", "default"),
        (b"127.0.0.1", "default"),
        (b"", "default"),
    ],
)
async def test_the_host_decides(host: bytes, name: str) -> None:
    assert await answered(host) == [name]


@pytest.mark.parametrize("hosts", [(), (b"api.example", b"login.example"), (b"api.example", b"api.example")])
async def test_without_one_host_nobody_is_chosen(hosts: tuple[bytes, ...]) -> None:
    assert await answered(*hosts) == ["default"]


async def test_a_lifespan_without_headers_goes_to_the_default() -> None:
    calls: list[str] = []
    switch = HostSwitch({"api.example": Named("api", calls)}, Named("default", calls))

    await switch({"type": "lifespan"}, None, None)  # type: ignore[arg-type]  # never called

    assert calls == ["default"]
