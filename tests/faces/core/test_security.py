"""The security cases of Core by their numbers (promises.md 5.2): here, or where COVERED says.

A case that concerns more than one address is tried at every one that is served, so that a new address needs
no new test.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from starlette.routing import BaseRoute

from tests.conftest import ROOT
from tests.faces.core.addresses import ANY, EVERY, OF_A_WORKSPACE, Request, Things, things
from tests.faces.core.serving import HOST, Place, Served
from tests.faces.core.test_isolation import OTHER_TENANT, bytes_but_ids, refused
from tests.transcripts.clients import InProcess
from tests.transcripts.player import Answer
from tests.transcripts.player import Request as Sent
from weft.catalog.model import Role
from weft.faces.core import routes
from weft.faces.routing import FaceMount, application
from weft.stores.sqlite.reader import Reader

ISOLATION = "tests/faces/core/test_isolation.py"
JOBS = "tests/faces/core/test_jobs.py"
SCHEDULES = "tests/faces/core/test_schedules.py"
BEARER = "tests/auth/test_bearer.py"
REMOTE_KEYS = "tests/auth/test_remote_keys.py"
TWO_TOKENS = "tests/auth/test_subject_and_app.py"
SERVER = "tests/faces/test_server.py"
DOORS = "tests/faces/test_doors.py"
BODIES = "tests/faces/test_http.py"

COVERED: dict[str, Sequence[str]] = {
    "S1": ("here::test_foreign_workspaces_answer_as_unknown_ones",),
    "S2": ("here::test_foreign_ids_answer_as_unknown_ones",),
    "S3": ("here::test_foreign_ids_answer_as_unknown_ones",),
    "S4": (f"{SCHEDULES}::test_s4_a_schedule_is_not_found_under_another_job_type_item_or_workspace",),
    "S5": (
        f"{ISOLATION}::test_a_continuation_token_is_good_for_its_list_and_its_caller_only",
        f"{ISOLATION}::test_a_continuation_token_with_one_other_character_is_refused",
        f"{SCHEDULES}::test_s5_a_token_of_one_list_of_schedules_opens_no_other",
        "here::test_a_continuation_token_opens_no_list_but_its_own",
    ),
    "S6": (
        f"{JOBS}::test_a_list_goes_on_rightly_behind_what_was_added_or_removed_meanwhile",
        "tests/faces/core/test_roles.py::test_a_list_goes_on_where_it_stopped",
    ),
    "S7": ("here::test_a_viewer_changes_nothing",),
    "S8": (
        "here::test_a_viewer_changes_nothing",
        f"{ISOLATION}::test_a_contributor_cancels_a_job_of_another_user",
    ),
    "S9": (
        "here::test_who_was_removed_finds_nothing_at_once",
        "tests/faces/core/test_watching.py::test_a_removed_member_hears_nothing_more",
    ),
    "S10": (f"{ISOLATION}::test_a_token_whose_scopes_do_not_suffice_is_refused",),
    "S11": (f"{ISOLATION}::test_a_token_whose_scopes_do_not_suffice_is_refused",),
    "S12": ("here::test_foreign_workspaces_answer_as_unknown_ones",),
    "S13": (f"{JOBS}::test_what_only_the_server_may_say_of_a_job_is_not_taken_from_the_body",),
    "S15": (f"{SCHEDULES}::test_s15_what_only_the_server_says_is_not_taken_from_an_update",),
    "S17": ("here::test_nothing_is_served_without_a_token",),
    "S18": (
        f"{BEARER}::test_only_the_exact_header_is_read",
        f"{BEARER}::test_two_headers_are_refused_even_if_both_are_good",
        "here::test_nothing_is_served_without_a_token",
    ),
    "S19": (f"{BEARER}::test_an_unsigned_token_is_refused",),
    "S20": (f"{BEARER}::test_a_public_key_is_no_shared_secret",),
    "S21": (
        f"{BEARER}::test_a_key_is_only_found_by_its_own_name",
        f"{REMOTE_KEYS}::test_thousands_of_unknown_keys_cause_two_requests_a_minute",
    ),
    "S22": (
        f"{BEARER}::test_a_key_is_only_found_by_its_own_name",
        f"{REMOTE_KEYS}::test_a_strange_key_id_is_only_a_refusal",
    ),
    "S23": (
        f"{BEARER}::test_a_header_that_steers_the_check_is_refused_under_a_right_signature",
        f"{REMOTE_KEYS}::test_a_header_that_points_elsewhere_causes_no_request",
    ),
    "S24": (f"{BEARER}::test_a_header_that_steers_the_check_is_refused_under_a_right_signature",),
    "S25": (
        f"{BEARER}::test_no_other_algorithm_is_read_even_with_a_right_signature",
        f"{REMOTE_KEYS}::test_another_algorithm_is_refused_also_where_the_key_itself_asks_for_it",
    ),
    "S26": (f"{BEARER}::test_a_token_is_accepted_with", f"{BEARER}::test_a_token_past_its_end_is_expired"),
    "S27": (f"{BEARER}::test_a_token_is_refused_with",),
    "S28": (f"{BEARER}::test_a_token_is_refused_with", f"{BEARER}::test_a_token_is_accepted_with"),
    "S29": (f"{BEARER}::test_a_token_is_refused_with",),
    "S30": (f"{BEARER}::test_a_token_is_refused_with",),
    "S31": (f"{BEARER}::test_a_token_is_refused_with",),
    "S32": (f"{BEARER}::test_a_token_is_refused_with",),
    "S33": (f"{TWO_TOKENS}::test_the_two_tokens_cannot_take_each_other_s_place",),
    "S34": (f"{TWO_TOKENS}::test_the_two_tokens_cannot_take_each_other_s_place",),
    "S35": (f"{TWO_TOKENS}::test_a_call_is_refused_whose_app_token",),
    "S36": (f"{TWO_TOKENS}::test_a_call_is_refused_whose_subject_token",),
    "S37": (f"{TWO_TOKENS}::test_an_empty_subject_is_only_allowed_where_none_is_needed",),
    "S38": (
        f"{TWO_TOKENS}::test_only_the_published_grammar_is_read",
        f"{TWO_TOKENS}::test_a_long_header_is_refused_at_once",
    ),
    "S39": (
        f"{REMOTE_KEYS}::test_a_new_key_is_accepted_within_half_a_minute_whatever_others_asked_for",
        f"{REMOTE_KEYS}::test_while_the_issuer_is_away_its_keys_are_good_for_a_day_and_no_longer",
        f"{REMOTE_KEYS}::test_good_keys_in_more_than_a_mebibyte_are_not_taken",
        f"{REMOTE_KEYS}::test_the_service_answers_while_the_issuer_does_not",
    ),
    "S56": (
        f"{BODIES}::test_a_body_of_the_limit_is_accepted_and_one_byte_more_is_not",
        f"{SERVER}::test_an_announced_body_over_the_cap_is_answered_unread",
    ),
    "S57": (
        f"{SERVER}::test_an_endless_body_is_answered_at_the_cap_and_closed",
        f"{SERVER}::test_what_two_servers_could_read_differently_is_refused_and_closed",
    ),
    "S58": (
        f"{SERVER}::test_a_compressed_bomb_is_not_unpacked",
        f"{BODIES}::test_a_compressed_body_is_refused_before_it_is_read",
    ),
    "S67": (
        "tests/faces/core/test_waiting.py::"
        "test_one_wait_too_many_of_an_identity_is_told_to_come_back_and_runs_nothing",
    ),
    "S68": ("tests/faces/core/test_rates.py::test_1000_runs_of_one_user_are_too_many_and_another_runs_on",),
    "S69": (f"{SCHEDULES}::test_s69_an_item_has_at_most_twenty_schedules_of_all_its_job_types",),
    "S72": (f"{SCHEDULES}::test_a_limit_that_is_none_is_refused", "here::test_a_page_is_never_too_long"),
    "S79": ("here::test_unknown_and_foreign_ids_cost_the_same_look_ups",),
    "S86": (f"{DOORS}::test_another_host_is_not_served", f"{DOORS}::test_a_web_socket_is_closed"),
    "S87": (
        f"{DOORS}::test_a_page_of_another_origin_may_not_call",
        f"{BODIES}::test_another_media_type_is_refused",
    ),
    "S88": (f"{DOORS}::test_a_page_of_another_origin_may_not_call",),
    "S93": (
        f"{ISOLATION}::test_an_unknown_path_is_not_found",
        f"{DOORS}::test_a_path_that_readers_resolve_differently_is_unknown",
        "here::test_no_trick_of_a_path_passes_by_the_token",
    ),
    "S94": (f"{ISOLATION}::test_a_method_that_is_not_published_is_refused",),
    "S95": (
        f"{ISOLATION}::test_forwarding_headers_do_not_change_the_location",
        f"{DOORS}::test_a_forwarded_host_is_not_believed",
    ),
    "S96": (
        "tests/faces/core/test_watching.py::test_there_is_no_stream_without_a_token",
        "tests/faces/core/test_watching.py::test_a_token_that_ends_ends_the_stream",
    ),
    "S100": ("here::test_every_way_to_run_is_guarded_alike",),
    "S101": (
        f"{ISOLATION}::test_a_preview_form_that_does_not_exist_is_not_taken_for_the_released_one",
        "here::test_no_other_version_of_the_api_is_served",
    ),
}


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("number", COVERED)
def test_the_tests_of_a_case_exist(number: str) -> None:
    here = "tests/faces/core/test_security.py"
    named = [test.replace("here::", f"{here}::").split("::") for test in COVERED[number]]

    assert [test for file, test in named if test not in functions_of(file)] == []


def test_every_operation_is_tried() -> None:
    assert len(OF_A_WORKSPACE) >= 50
    assert {"workspaceId", "itemId", "jobInstanceId", "scheduleId", "folderId"} <= {
        name for request in EVERY for name in request.parameters
    }


# ---- isolation


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param({}, id="S1-a user"),
        pytest.param({"tenant": OTHER_TENANT}, id="S1-a user of another tenant"),
        pytest.param({"tenant": OTHER_TENANT, "app": True}, id="S12-an app of another tenant"),
    ],
)
async def test_foreign_workspaces_answer_as_unknown_ones(served: Served, stranger: dict[str, Any]) -> None:
    world = await things(served)
    token = served.token("stranger", *EVERY_SCOPE, **stranger)
    before = served.dump()

    for request in OF_A_WORKSPACE:
        foreign = await served.call(request.method, world.of(request), request.body, token=token)
        unknown = await served.call(
            request.method, world.of(request, workspaceId=str(uuid4())), request.body, token=token
        )
        assert refused(foreign, 404, "WorkspaceNotFound"), request
        assert bytes_but_ids(foreign) == bytes_but_ids(unknown), request

    assert served.dump() == before


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        pytest.param("itemId", "ItemNotFound", id="S2-item"),
        pytest.param("jobInstanceId", "JobInstanceNotFound", id="S3-job instance"),
        pytest.param("scheduleId", "ScheduleNotFound", id="S3-schedule"),
        pytest.param("folderId", "FolderNotFound", id="S3-folder"),
        pytest.param("workspaceRoleAssignmentId", "EntityNotFound", id="S3-role assignment"),
        pytest.param("webhookId", "WebhookNotFound", id="S3-webhook"),
    ],
)
async def test_foreign_ids_answer_as_unknown_ones(served: Served, parameter: str, code: str) -> None:
    world, other = await things(served), await things(served, "other")
    await served.grant(other.place, "stranger", Role.MEMBER)
    of_others = [{**other.common, **own} for own in (other.untyped, other.typed)]
    of_others[0]["workspaceRoleAssignmentId"] = served.user_id("stranger")
    of_others.append({"jobInstanceId": world.typed["jobInstanceId"], "scheduleId": world.typed["scheduleId"]})
    before = served.dump()

    for request in (each for each in OF_A_WORKSPACE if parameter in each.parameters and not each.is_typed):
        unknown = await served.call(
            request.method, world.of(request, **{parameter: str(uuid4())}), request.body
        )
        assert refused(unknown, 404, code), request
        for ids in of_others:
            if parameter not in ids or ids[parameter] == world.common.get(parameter):
                continue
            foreign = await served.call(
                request.method, world.of(request, **{parameter: ids[parameter]}), request.body
            )
            assert bytes_but_ids(foreign) == bytes_but_ids(unknown), request

    assert served.dump() == before


@pytest.mark.parametrize("path", ["", "/result"], ids=["S3-operation", "S3-result of an operation"])
async def test_operations_of_others_answer_as_unknown_ones(served: Served, path: str) -> None:
    world = await things(served)
    colleague = served.token("colleague")

    own = await served.call("GET", f"/v1/operations/{world.common['operationId']}{path}")
    foreign = await served.call("GET", f"/v1/operations/{world.common['operationId']}{path}", token=colleague)
    unknown = await served.call("GET", f"/v1/operations/{uuid4()}{path}", token=colleague)

    assert own.status == 200
    assert foreign.status == 404
    assert bytes_but_ids(foreign) == bytes_but_ids(unknown)


@pytest.mark.parametrize("listing", ["items", "roleAssignments", "folders", "notebooks"], ids="S5-{}".format)
async def test_a_continuation_token_opens_no_list_but_its_own(small_pages: Served, listing: str) -> None:
    served = small_pages
    world = await things(served)
    target = f"/v1/workspaces/{world.workspace}/"
    for number in range(3):
        await served.made(f"{target}folders", {"displayName": f"folder {number}"})
        await served.made(f"{target}notebooks", {"displayName": f"notebook {number}"})
        await served.grant(world.place, f"user {number}", Role.VIEWER)
    member = await served.grant(world.place, "member", Role.MEMBER)
    token = (await served.call("GET", f"{target}{listing}")).json()["continuationToken"]
    others = {"items", "roleAssignments", "folders", "notebooks"} - {listing}

    right = await served.call("GET", f"{target}{listing}?continuationToken={token}")
    of_another = await served.call("GET", f"{target}{listing}?continuationToken={token}", token=member)
    wrong = [await served.call("GET", f"{target}{other}?continuationToken={token}") for other in others]

    assert right.status == 200
    assert all(refused(answer, 400, "InvalidInput") for answer in (of_another, *wrong))


# ---- roles


@pytest.mark.parametrize("app", [False, True], ids=["S7-a user", "S7-an app"])
async def test_a_viewer_changes_nothing(served: Served, app: bool) -> None:
    world = await things(served)
    token = served.token("viewer", *(() if app else EVERY_SCOPE), app=app)
    await served.store.give_role(world.workspace, served.known(token), Role.VIEWER)
    before = served.dump()

    for request in (each for each in OF_A_WORKSPACE if each.method != "GET"):
        answer = await served.call(request.method, world.of(request), request.body, token=token)
        assert refused(answer, 403, "InsufficientPrivileges"), request

    assert served.dump() == before


async def test_who_was_removed_finds_nothing_at_once(served: Served) -> None:
    world = await things(served)
    token = await served.grant(world.place, "member", Role.MEMBER)
    mine = f"/v1/workspaces/{world.workspace}/roleAssignments/{served.user_id('member')}"
    reads = [request for request in OF_A_WORKSPACE if request.method == "GET"]

    before = [await served.call("GET", world.of(request), token=token) for request in reads]
    removed = await served.call("DELETE", mine)
    after = [await served.call("GET", world.of(request), token=token) for request in reads]
    listed = await served.call("GET", "/v1/workspaces", token=token)

    assert {answer.status for answer in before} == {200}
    assert removed.status == 200
    assert all(refused(answer, 404, "WorkspaceNotFound") for answer in after)
    assert listed.json() == {"value": []}


WAYS_TO_RUN = ["{i}/jobs/{t}/instances", "{i}/jobs/instances?jobType={t}"]


@pytest.mark.parametrize("collection", ["items", "notebooks"], ids="S100-{}".format)
@pytest.mark.parametrize("way", WAYS_TO_RUN, ids=["path", "query"])
async def test_every_way_to_run_is_guarded_alike(served: Served, collection: str, way: str) -> None:
    world = await things(served)
    item = f"/v1/workspaces/{world.workspace}/{collection}/{world.typed['itemId']}"
    target = way.format(i=item, t=world.typed["jobType"])
    jobs = len(served.dump()["jobs"])
    refusals = {
        "InsufficientPrivileges": served.token("colleague"),
        "WorkspaceNotFound": served.token("stranger"),
        "InsufficientScopes": served.token("admin", "Item.Read.All", "Lakehouse.Execute.All"),
    }

    answers = {code: await served.call("POST", target, token=token) for code, token in refusals.items()}
    nobody = await served.send("POST", target, None)
    unknown = await served.call("POST", way.format(i=item, t=ANY[1]))
    unchanged = len(served.dump()["jobs"])
    allowed = await served.call("POST", target)

    assert [answer.json()["errorCode"] for answer in answers.values()] == list(refusals)
    assert refused(nobody, 401, "TokenIsMissing")
    assert refused(unknown, 400, "InvalidJobType")
    assert (unchanged, allowed.status) == (jobs, 202)


# ---- tokens, paths and versions

EVERY_SCOPE = (
    "Workspace.ReadWrite.All",
    "Item.ReadWrite.All",
    "Item.Execute.All",
    "Capacity.ReadWrite.All",
    "Item.Read.All",
)


@pytest.mark.parametrize(
    "shown", [lambda token: "", lambda token: f"?access_token={token}"], ids=["S17-none", "S18-in the query"]
)
async def test_nothing_is_served_without_a_token(served: Served, shown: Callable[[str], str]) -> None:
    world = await things(served)
    before = served.dump()

    for request in EVERY:
        answer = await served.send(request.method, f"{path_of(world, request)}{shown(served.token())}", None)
        assert refused(answer, 401, "TokenIsMissing"), request
        assert answer.header("WWW-Authenticate") == "Bearer"

    assert served.dump() == before


def path_of(world: Things, request: Request) -> str:
    return world.of(request).partition("?")[0]


TRICKS = [
    "/{path}",
    "{path}/",
    "{path};x",
    "{path}/health",
    "{path}/ready",
    "{path}%2fhealth",
    "{path}/../../health",
    "{path}/%2e%2e/%2e%2e/ready",
    "{path}#/health",
    "/health{path}",
    "/./{path}",
]


@pytest.mark.parametrize("trick", TRICKS, ids="S93-{}".format)
async def test_no_trick_of_a_path_passes_by_the_token(served: Served, trick: str) -> None:
    world = await things(served)
    before = served.dump()
    app = whole(served)

    for request in EVERY:
        target = trick.format(path=path_of(world, request))
        answer = await InProcess(app, host=HOST).send(Sent(request.method, target))
        assert refused(answer, 401, "TokenIsMissing"), target

    assert served.dump() == before


def whole(served: Served) -> Any:
    """Return the face as it is composed: every path that belongs to no face is its own."""
    mounted: list[BaseRoute] = [FaceMount("/v1", routes.routes(served.core)), routes.no_route(served.core)]
    return application(mounted)


async def sent(served: Served, method: str, target: str) -> Answer:
    headers = (("Authorization", f"Bearer {served.token()}"),)
    return await InProcess(whole(served), host=HOST).send(Sent(method, target, headers))


@pytest.mark.parametrize("version", ["v0", "v2", "v1.0", "v1beta", "V11"], ids="S101-{}".format)
async def test_no_other_version_of_the_api_is_served(served: Served, version: str) -> None:
    known = await sent(served, "GET", "/v1/workspaces")
    other = await sent(served, "GET", f"/{version}/workspaces")
    nobody = await InProcess(whole(served), host=HOST).send(Sent("GET", f"/{version}/workspaces"))

    assert known.status == 200
    assert refused(other, 404, "EndpointNotFound")
    assert refused(nobody, 401, "TokenIsMissing")


# ---- resources and timing


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("maxResults=1000000000", 400),
        ("maxResults=-1", 400),
        ("maxResults=abc", 400),
        ("maxResults=0", 400),
        ("maxResults=1&maxResults=2", 400),
        ("maxResults=1", 200),
    ],
    ids="S72-{}".format,
)
async def test_a_page_is_never_too_long(served: Served, place: Place, asked: str, status: int) -> None:
    for _ in range(2):
        await served.run(place)

    answer = await served.call("GET", f"/v1/jobs/instances?{asked}")

    assert answer.status == status
    assert status == 400 or len(answer.json()["value"]) == 1


async def test_unknown_and_foreign_ids_cost_the_same_look_ups(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S79: what takes time is what the store is asked."""
    world, other = await things(served), await things(served, "other")
    stranger = served.token("stranger", *EVERY_SCOPE)
    asked: list[str] = []
    call = Reader.call

    async def counted(reader: Reader, work: Any, *arguments: Any) -> Any:
        asked.append(work.__name__)
        return await call(reader, work, *arguments)

    async def look_ups(target: str, request: Request, token: str) -> Counter[str]:
        asked.clear()
        await served.call(request.method, target, request.body, token=token)
        return Counter(asked)

    monkeypatch.setattr(Reader, "call", counted)
    for request in OF_A_WORKSPACE:
        foreign = await look_ups(world.of(request), request, stranger)
        unknown = await look_ups(world.of(request, workspaceId=str(uuid4())), request, stranger)
        assert foreign == unknown != Counter(), request
    for request in (each for each in OF_A_WORKSPACE if "itemId" in each.parameters):
        foreign = await look_ups(world.of(request, itemId=other.untyped["itemId"]), request, served.token())
        unknown = await look_ups(world.of(request, itemId=str(uuid4())), request, served.token())
        assert foreign == unknown != Counter(), request
