"""What a host elsewhere does with Entra, done with a real weft in Entra's place: keys and tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from uuid import uuid4

import pytest

from tests.auth.conftest import StillClock
from tests.auth.test_on_behalf import a_job
from tests.e2e.weft_process import WeftProcess
from tests.e2e.workload import ITEM_TYPE
from weft.auth.apps import Apps
from weft.auth.entra import EntraApp, EntraTokens, authority_of
from weft.auth.home import Home
from weft.auth.issuer import CORE_AUDIENCES, Issuer, user_id
from weft.auth.keys import Keys
from weft.auth.remote_keys import RemoteKeys
from weft.auth.sealed import SubjectSeal
from weft.auth.subject_and_app import SubjectAndAppVerifier, resource_id
from weft.auth.tokens import Claims, verified
from weft.catalog.tokens import Token
from weft.engine.clock import SystemClock
from weft.engine.jobs import Job, JobError
from weft.runners.permissions import ResolvedPermissions

WORKLOAD = ITEM_TYPE.rpartition(".")[0]
STORAGE = "https://storage.azure.com/.default"
CLOCK = SystemClock()


@dataclass
class Elsewhere:
    """A host that knows of the server what an operator would tell it."""

    weft: WeftProcess
    keys: RemoteKeys
    tokens: EntraTokens
    header: str
    tenant: str

    def job(self, **labels: str) -> Job:
        user = user_id(self.tenant, "admin")
        job = a_job(StillClock(), user=user, tenant=self.tenant, **labels)
        kept = SEAL.labels(self.header, tenant=self.tenant, user=user, job_id=job.key.id)
        return replace(job, labels={**job.labels, **kept})

    async def claims(self, scope: str, *, as_app: bool) -> Claims:
        given = await self.tokens.token(self.job(), scope, as_app)
        assert isinstance(given, Token), given
        return verified(given.text, self.keys)


SEAL = SubjectSeal(b"s" * 32)


@pytest.fixture
async def elsewhere(weft: WeftProcess) -> AsyncIterator[Elsewhere]:
    home = Home.open(weft.data)
    app, secret = Apps(weft.data, home.tenant).create(WORKLOAD, workload=WORKLOAD)
    issuer = f"{weft.url}/issuer/{home.tenant}/v2.0"
    keys = RemoteKeys(issuer, CLOCK)
    configured = EntraApp(
        client_id=app.client_id, client_secret=secret, tenant=home.tenant, authority=authority_of(issuer)
    )
    tokens = EntraTokens(configured, SEAL, CLOCK)
    header = Issuer(Keys.open(weft.data), CLOCK, home).subject_and_app(WORKLOAD, "admin")
    await keys.start()
    await tokens.start()
    await keys.refreshed()
    try:
        yield Elsewhere(weft, keys, tokens, header, home.tenant)
    finally:
        await tokens.close()
        await keys.close()


async def test_the_tokens_of_a_call_are_verified_with_keys_from_the_server(elsewhere: Elsewhere) -> None:
    audience = resource_id(elsewhere.tenant, WORKLOAD)
    verifier = SubjectAndAppVerifier(elsewhere.keys, elsewhere.tenant, [audience], CLOCK)

    caller = await verifier.admit([elsewhere.header], [elsewhere.tenant])

    assert caller.user == user_id(elsewhere.tenant, "admin")


async def test_the_subject_token_is_exchanged_and_the_app_proves_itself(elsewhere: Elsewhere) -> None:
    user = await elsewhere.claims(STORAGE, as_app=False)
    app = await elsewhere.claims(STORAGE, as_app=True)

    assert (user.oid, user.scp) == (user_id(elsewhere.tenant, "admin"), "user_impersonation")
    assert user.aud == app.aud == "https://storage.azure.com"
    assert (app.idtyp, app.client) == ("app", user.client)


async def test_a_second_scope_is_got_with_the_refresh_token(elsewhere: Elsewhere) -> None:
    job = elsewhere.job()
    first = await elsewhere.tokens.token(job, STORAGE, False)
    forgotten = replace(job, labels={**job.labels, "sealed_subject_token": ""})

    second = await elsewhere.tokens.token(forgotten, f"{CORE_AUDIENCES[0]}/.default", False)

    assert isinstance(first, Token)
    assert isinstance(second, Token), second


async def test_a_user_has_permissions_for_an_item_that_is_there(elsewhere: Elsewhere) -> None:
    _, _, workspace, _, item = elsewhere.weft.new_item().split("/")
    permissions = ResolvedPermissions(elsewhere.weft.url, elsewhere.tokens)
    await permissions.start()

    found = await permissions.permissions(elsewhere.job(workspace=workspace, item=item))
    missing = await permissions.permissions(elsewhere.job(workspace=workspace, item=str(uuid4())))

    await permissions.close()
    assert isinstance(found, tuple), found
    assert "Read" in found
    assert isinstance(missing, JobError)
    assert missing.code == "ItemNotFound"
