"""What callers are told when the store takes no more, or cannot be reached."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.faces.core.serving import Identity, serve
from weft.auth.errors import KeysUnavailable


async def test_a_run_that_finds_too_many_waiting_is_told_when_to_come_back(
    tmp_path: Path, identity: Identity
) -> None:
    served = serve(tmp_path, identity, writes_waiting=1)
    place = await served.place()

    runs = [served.call("POST", f"{place.jobs}/calculateForecast/instances") for _ in range(50)]
    answers = await asyncio.gather(*runs)
    later = await served.call("POST", f"{place.jobs}/calculateForecast/instances")
    kept = len(served.dump()["jobs"])
    await served.store.close()

    refused = [answer for answer in answers if answer.status == 429]
    accepted = [answer for answer in answers if answer.status == 202]
    assert len(refused) + len(accepted) == 50
    assert refused
    assert {answer.json()["errorCode"] for answer in refused} == {"TooManyRequestsForJobs"}
    assert {answer.json()["isRetriable"] for answer in refused} == {True}
    assert all(int(str(answer.header("Retry-After"))) >= 1 for answer in refused)
    assert later.status == 202
    assert kept == len(accepted) + 1


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/workspaces"),
        ("GET", "{item}"),
        ("PATCH", "{item}"),
        ("DELETE", "{item}"),
        ("POST", "{item}/getDefinition"),
        ("POST", "{item}/jobs/calculateForecast/instances"),
    ],
)
async def test_a_store_that_is_gone_makes_the_service_unavailable_and_is_not_described(
    tmp_path: Path, identity: Identity, method: str, target: str
) -> None:
    served = serve(tmp_path, identity)
    place = await served.place()
    await served.store.close()

    answer = await served.call(method, target.format(item=place.path), {"displayName": "x"})

    assert (answer.status, answer.json()["errorCode"]) == (503, "ServiceUnavailable")
    assert answer.json()["message"] == "The store cannot be written or read; try again"
    assert int(str(answer.header("Retry-After"))) >= 1


async def test_keys_that_are_not_to_be_had_make_the_service_unavailable(
    tmp_path: Path, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(tmp_path, identity)

    def away(authorization: list[str]) -> None:
        raise KeysUnavailable("https://issuer.example")

    monkeypatch.setattr(served.verifier, "verify", away)
    answer = await served.call("GET", "/v1/workspaces", token="any")
    await served.store.close()

    assert (answer.status, answer.json()["errorCode"]) == (503, "ServiceUnavailable")
    assert b"issuer.example" not in answer.body
