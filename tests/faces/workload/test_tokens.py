"""The token matrix against the host as it is served: over HTTP, each case, and nothing kept of a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.auth.conftest import Forger, StillClock
from tests.auth.two_tokens import Forge
from tests.dump import dump
from tests.faces.workload.house import (
    ITEM,
    JOB,
    JOB_TYPE,
    House,
    Identity,
    a_house,
    body_of,
    item_path,
    path_of,
)
from tests.faces.workload.token_cases import CASES, Case
from tests.transcripts.clients import OverHttp
from tests.transcripts.player import Answer, Request
from weft.auth.keys import Keys
from weft.auth.subject_and_app import SubjectAndAppVerifier
from weft.faces.doors import Doors
from weft.faces.server import serve
from weft.faces.workload.doors import envelope
from weft.settings import Settings

REMOTE = f'{{"jobType":"{JOB_TYPE}","jobInstanceId":"{JOB}"}}'.encode()
CALLS: dict[str, tuple[str, str, bytes]] = {
    "create": ("POST", path_of(), body_of()),
    "get": ("GET", path_of(), b""),
    "cancel": ("POST", path_of() + "/cancel", b""),
    "make": ("POST", item_path(), b'{"displayName":"x"}'),
    "update": ("PATCH", item_path(), b"{}"),
    "payload": ("GET", item_path("/payload"), b""),
    "delete": ("DELETE", item_path(), b""),
    "OnCreateItem": ("POST", item_path("/OnCreateItem"), b"{}"),
    "OnRestoreItem": ("POST", item_path("/OnRestoreItem"), b"{}"),
    "OnDeleteItem": ("POST", item_path("/OnDeleteItem"), b"{}"),
    "onGetJobInstanceStatus": ("POST", item_path("/jobs/onGetJobInstanceStatus"), REMOTE),
    "resolve": ("POST", "/workload/resolve", b'{"context":[]}'),
    "resolve-endpoint": ("POST", "/workload/resolve-endpoint", b'{"context":[]}'),
}


@dataclass
class Served:
    house: House
    url: str

    async def ask(self, case: Case, forge: Forge) -> Answer:
        method, target, body = CALLS[case.ask]
        headers = [*case.of(forge), ("Content-Type", "application/json")]
        return await OverHttp(self.url).send(Request(method, target, headers, body))


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forged")


@pytest.fixture(scope="session")
def still(data: Path) -> Identity:
    """An identity whose verifier looks at a clock that stands still."""
    identity = Identity.open(data)
    verifier = SubjectAndAppVerifier(
        Keys.open(data), identity.home.tenant, identity.audiences.values(), StillClock()
    )
    return replace(identity, verifier=verifier)


@pytest.fixture(scope="session")
def forge(data: Path, still: Identity) -> Forge:
    key = load_pem_private_key((data / "keys" / "signing.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return Forge(Forger(key, Keys.open(data).kid), still.home.tenant)


@asynccontextmanager
async def serving_at(tmp_path: Path, still: Identity) -> AsyncIterator[Served]:
    async with a_house(tmp_path, still, slots=0) as house:
        doors = Doors(house.app, default=envelope, envelopes={}, requests_at_once=10)
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        stop = asyncio.Event()
        settings = Settings(data=tmp_path, port=0)
        serving = asyncio.create_task(serve(doors, settings, ready=port.set_result, stop=stop))
        try:
            yield Served(house, f"http://127.0.0.1:{await port}")
        finally:
            stop.set()
            await serving


def test_there_are_many_cases_and_no_two_have_one_name() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)
    assert sum(case.status < 400 for case in CASES) >= 15


ACCEPTED = [case for case in CASES if case.status < 400]
REFUSED = [case for case in CASES if case.status >= 400]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def refusing(tmp_path_factory: pytest.TempPathFactory, still: Identity) -> AsyncIterator[Served]:
    """One server for all cases that change nothing."""
    async with serving_at(tmp_path_factory.mktemp("refusing"), still) as served:
        yield served


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", REFUSED, ids=[case.name for case in REFUSED])
async def test_a_call_is_refused_for_its_tokens_and_nothing_is_kept(
    case: Case, forge: Forge, refusing: Served
) -> None:
    before = dump(refusing.house.database)

    answer = await refusing.ask(case, forge)

    assert answer.status == case.status, answer.body
    if case.status == 401:
        assert answer.json() == {
            "errorCode": "AuthError",
            "message": "The SubjectAndApp token is missing or not accepted.",
            "source": "External",
            "isPermanent": False,
        }
        assert answer.header("WWW-Authenticate") == "SubjectAndAppToken1.0"
    assert dump(refusing.house.database) == before


@pytest.mark.parametrize("case", ACCEPTED, ids=[case.name for case in ACCEPTED])
async def test_a_call_is_taken_for_its_tokens(
    case: Case, forge: Forge, still: Identity, tmp_path: Path
) -> None:
    async with serving_at(tmp_path, still) as served:
        answer = await served.ask(case, forge)

        assert answer.status == case.status, answer.body
        if not case.ask.startswith("resolve"):
            assert ITEM in repr(dump(served.house.database))
