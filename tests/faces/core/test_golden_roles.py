"""Our answers beside those of the live service, for every recorded call of role assignments."""

from __future__ import annotations

import json
from dataclasses import replace as with_other

import pytest

from tests.faces.core.golden import Pair, differences
from tests.faces.core.serving import Served
from tests.faces.core.test_golden import named, recorded, replay
from weft.auth.issuer import app_object_id
from weft.catalog.model import Role
from weft.catalog.principals import KnownPrincipal, PrincipalKind

ASSIGNMENTS = "/v1/workspaces/{}/roleAssignments"
PAIRS = recorded("core-neighbours.jsonl", lambda pair: pair.route.startswith(ASSIGNMENTS))
ADMIN = "mocked@admin_test_user"
HELPER = "mocked@helper_test_user"
ROBOT = "fabric-cli-oidc"
UNKNOWN = "2186d0ea-d02b-4f04-9d4a-305791e2c4c3"

pytestmark = pytest.mark.shared


def test_the_recordings_hold_what_these_tests_are_about() -> None:
    calls = [(pair.method, pair.status) for pair in PAIRS]

    assert {call: calls.count(call) for call in calls} == {
        ("GET", 200): 3,
        ("POST", 201): 3,
        ("POST", 400): 4,
        ("PATCH", 200): 2,
        ("DELETE", 200): 3,
    }


def people(served: Served) -> dict[str, KnownPrincipal]:
    """Return who has which id in the recordings."""
    helper = served.users.create("user first", upn=HELPER)
    robot, _ = served.apps.create(ROBOT)
    return {
        "00000000-0000-0000-0000-000000000002": KnownPrincipal(
            id=helper.object_id, name=helper.name, kind=PrincipalKind.USER, upn=helper.upn
        ),
        "00000000-0000-0000-0000-000000000003": KnownPrincipal(
            id=robot.object_id, name=robot.name, kind=PrincipalKind.APP, app_id=robot.client_id
        ),
    }


@pytest.mark.parametrize("pair", PAIRS, ids=named)
async def test_a_role_assignment_is_answered_as_recorded(served: Served, pair: Pair) -> None:
    known = people(served)
    workspace = await served.made("/v1/workspaces", {"displayName": "plans"})
    target = pair.path.replace(pair.ids[0], workspace)
    if len(pair.ids) == 2:
        await served.store.give_role(workspace, known[pair.ids[1]], Role.CONTRIBUTOR)
        target = target.replace(pair.ids[1], known[pair.ids[1]].id)

    ours = await replay(served, with_our_ids(pair, known), target)

    # Whoever made the workspace has a name of its own.
    own = {"displayName", "userDetails.userPrincipalName"} if pair.method == "GET" else set()
    free = frozenset(f"body.value[0].principal.{name}" for name in own)
    assert differences(pair, ours, free=free) == []


def with_our_ids(pair: Pair, known: dict[str, KnownPrincipal]) -> Pair:
    body = pair.body or ""
    for theirs, ours in known.items():
        body = body.replace(theirs, ours.id)
    return with_other(pair, body=body or None)


async def test_who_is_not_known_is_named_as_recorded(served: Served) -> None:
    pair = next(pair for pair in PAIRS if pair.status == 400)
    workspace = await served.made("/v1/workspaces", {"displayName": "plans"})

    ours = await replay(served, pair, pair.path.replace(pair.ids[0], workspace))

    [detail] = ours.json()["moreDetails"]
    assert detail == {"relatedResource": {"resourceId": UNKNOWN, "resourceType": "Principal"}}
    assert ours.json()["relatedResource"] == {"resourceId": workspace, "resourceType": "Workspace"}


async def test_who_made_a_workspace_is_shown_as_its_token_tells(served: Served) -> None:
    robot = served.token("robot", app=True)
    by_user = await served.made("/v1/workspaces", {"displayName": "of a user"})
    by_app = await served.made("/v1/workspaces", {"displayName": "of an app"}, token=robot)

    [user] = (await served.call("GET", f"/v1/workspaces/{by_user}/roleAssignments")).json()["value"]
    [app] = (await served.call("GET", f"/v1/workspaces/{by_app}/roleAssignments", token=robot)).json()[
        "value"
    ]

    assert user["principal"] == {
        "id": served.user_id("admin"),
        "displayName": "admin",
        "type": "User",
        "userDetails": {"userPrincipalName": "admin@weft.local"},
    }
    assert app["principal"] == {
        "id": app_object_id(served.home.tenant, "robot"),
        "displayName": "robot",
        "type": "ServicePrincipal",
        "servicePrincipalDetails": {"aadAppId": app_object_id(served.home.tenant, "client/robot")},
    }
    assert json.dumps(app).index("displayName") < json.dumps(app).index("type")
