"""The workload control API: what a workload learns of its own items, and that nobody learns more."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.faces.core.serving import FORECAST, WORKLOAD, Place, Served
from tests.faces.core.test_isolation import bytes_but_ids, refused
from tests.transcripts.player import Answer
from weft.auth.issuer import CORE_AUDIENCES, Delegate, app_object_id, user_id
from weft.auth.workload_control import workload_app_id
from weft.catalog.model import Item, Role

OTHER_TENANT = "7b3f1f0e-5a0f-4c56-8f2e-1d8a4a1c0b11"
ANOTHER_APP = "5a0f7b3f-1f0e-4c56-8f2e-1d8a4a1c0b22"
HOUR = timedelta(hours=1)


def tokens(
    served: Served,
    user: str = "admin",
    *,
    app: str | None = None,
    tenant: str | None = None,
    publisher: str | None = None,
) -> str:
    """Return the header with which a workload, by default that of the test's items, calls for *user*."""
    tenant, publisher = tenant or served.home.tenant, publisher or served.home.tenant
    app = app or workload_app_id(served.home.tenant, WORKLOAD)
    person = Delegate(tenant=tenant, user=user_id(tenant, user), name=user, upn=user)
    subject = served.issuer.delegated_token(
        person, app, ("Item.Read.All",), audience=CORE_AUDIENCES[1], lifetime=HOUR
    )
    own = served.issuer.app_token(
        app, app_object_id(publisher, "app"), "app", publisher, audience=CORE_AUDIENCES[1], lifetime=HOUR
    )
    return f'SubjectAndAppToken1.0 subjectToken="{subject}", appToken="{own}"'


def address(workspace: str, item: str) -> str:
    return f"/v1/workload-control/workspaces/{workspace}/items/{item}/resolvePermissions"


async def resolve(served: Served, place: Place, authorization: str | None = None) -> Answer:
    return await served.send("GET", address(place.workspace, place.item), authorization or tokens(served))


@pytest.mark.parametrize(
    ("role", "permissions"),
    [
        (Role.VIEWER, ["Read"]),
        (Role.CONTRIBUTOR, ["Read", "Write", "Explore", "Execute"]),
        (Role.MEMBER, ["Read", "Write", "Explore", "Execute", "Reshare"]),
        (Role.ADMIN, ["Read", "Write", "Explore", "Execute", "Reshare"]),
    ],
)
async def test_permissions_are_those_of_the_persons_role(
    served: Served, place: Place, role: Role, permissions: list[str]
) -> None:
    await served.grant(place, "colleague", role)

    answer = await resolve(served, place, tokens(served, "colleague"))

    assert (answer.status, answer.json()) == (200, {"permissions": permissions})
    assert answer.header("RequestId")


@pytest.mark.parametrize("spell", [str.lower, str.upper])
async def test_the_address_is_found_in_any_case(served: Served, place: Place, spell: type[str]) -> None:
    answer = await served.send("GET", spell(address(place.workspace, place.item)), tokens(served))

    assert answer.status == 200


async def test_the_app_that_a_manifest_names_owns_the_items_and_no_other_does(
    served: Served, place: Place
) -> None:
    served.types.app_ids[FORECAST] = ANOTHER_APP.upper()

    named = await resolve(served, place, tokens(served, app=ANOTHER_APP))
    local = await resolve(served, place)

    assert named.status == 200
    assert refused(local, 404, "ItemNotFound")


async def test_an_app_that_was_registered_for_the_workload_owns_its_items(
    served: Served, place: Place
) -> None:
    before = await resolve(served, place, tokens(served, app=ANOTHER_APP))
    served.registered[ANOTHER_APP] = "Contoso.Other"
    other = await resolve(served, place, tokens(served, app=ANOTHER_APP))
    served.registered[ANOTHER_APP] = WORKLOAD

    after = await resolve(served, place, tokens(served, app=ANOTHER_APP))

    assert refused(before, 404, "ItemNotFound")
    assert refused(other, 404, "ItemNotFound")
    assert after.status == 200


async def test_what_is_not_there_for_workload_and_person_answers_exactly_as_what_is_not_there_at_all(
    served: Served, place: Place
) -> None:
    other = await served.place("other")
    unknown = await resolve(served, Place(place.workspace, str(uuid4())))

    foreign = [
        await resolve(served, Place(str(uuid4()), place.item)),
        await resolve(served, Place(other.workspace, place.item)),
        await resolve(served, place, tokens(served, "stranger")),
        await resolve(served, place, tokens(served, "admin", tenant=OTHER_TENANT)),
        await resolve(served, place, tokens(served, app=ANOTHER_APP)),
        await resolve(served, place, tokens(served, publisher=OTHER_TENANT)),
    ]

    assert refused(unknown, 404, "ItemNotFound")
    assert [bytes_but_ids(answer) for answer in foreign] == [bytes_but_ids(unknown)] * len(foreign)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "TokenIsMissing"),
        ("", "InvalidToken"),
        ("Bearer", "InvalidToken"),
        ("SubjectAndAppToken1.0", "InvalidToken"),
        ('SubjectAndAppToken1.0 subjectToken="", appToken=""', "InvalidToken"),
        ('SubjectAndAppToken1.0 subjectToken="eyJ.a.b", appToken="eyJ.a.b"', "InvalidToken"),
    ],
)
@pytest.mark.parametrize("what", ["known", "unknown"])
async def test_without_good_tokens_nothing_is_learnt(
    served: Served, place: Place, authorization: str | None, code: str, what: str
) -> None:
    item = place.item if what == "known" else str(uuid4())

    answer = await served.send("GET", address(place.workspace, item), authorization)

    assert refused(answer, 401, code)
    assert answer.header("WWW-Authenticate") == "SubjectAndAppToken1.0"


async def test_a_bearer_token_is_no_workloads(served: Served, place: Place) -> None:
    assert refused(await resolve(served, place, f"Bearer {served.token()}"), 401, "InvalidToken")


async def test_the_tokens_of_a_workload_open_no_other_address(served: Served, place: Place) -> None:
    assert refused(await served.send("GET", place.path, tokens(served)), 401, "InvalidToken")


async def test_the_tokens_with_which_fabric_calls_a_workload_are_no_workloads(
    served: Served, place: Place
) -> None:
    answer = await resolve(served, place, served.issuer.subject_and_app(WORKLOAD, "admin"))

    assert refused(answer, 401, "InvalidToken")


async def test_expired_tokens_are_told_as_such(served: Served, place: Place) -> None:
    authorization = tokens(served)
    assert (await resolve(served, place, authorization)).status == 200
    served.clock.time += HOUR + timedelta(seconds=60)

    assert refused(await resolve(served, place, authorization), 401, "TokenExpired")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
async def test_a_method_that_is_not_published_is_refused(served: Served, place: Place, method: str) -> None:
    answer = await served.send(method, address(place.workspace, place.item), tokens(served))

    assert answer.status == 405
    assert answer.header("Allow") == "GET"


@pytest.mark.parametrize("id", ["sales", "%7B63f77191-432d-4ee6-9c5f-31a1a6987072%7D", "%00", "a" * 5_000])
@pytest.mark.parametrize("where", ["workspaceId", "itemId"])
async def test_what_is_no_id_is_an_invalid_input(served: Served, place: Place, id: str, where: str) -> None:
    ids = (id, place.item) if where == "workspaceId" else (place.workspace, id)
    before = served.dump()

    answer = await served.send("GET", address(*ids), tokens(served))

    assert refused(answer, 400, "InvalidInput")
    assert answer.json()["moreDetails"][0]["relatedResource"]["resourceId"] == where
    assert served.dump() == before


async def test_an_item_that_is_being_made_is_not_there(served: Served, place: Place) -> None:
    answers: list[Answer] = []

    async def look(item: Item) -> None:
        answers.append(await resolve(served, Place(place.workspace, item.id)))

    served.owner.meanwhile = look
    await served.item(place.workspace, "new")

    assert refused(answers[0], 404, "ItemNotFound")
