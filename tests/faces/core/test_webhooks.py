"""Webhooks of a workspace: who may have them, what is refused, and what they are told."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tests.faces.core.serving import NOWHERE, OUTCOMES, Identity, Place, Served, serve
from tests.faces.core.test_jobs import KEYS
from weft.catalog.announcing import Announcer
from weft.catalog.item_types import Dedup
from weft.catalog.model import Role
from weft.catalog.webhooks import News, Webhook
from weft.engine.jobs import Job
from weft.faces.core.webhooks import event_of

URL = "http://127.0.0.1:9000/hook?code=1"
ENDED = ["Completed", "Failed", "Cancelled", "Deduped"]


def _hooks(place: Place) -> str:
    return f"/v1/workspaces/{place.workspace}/webhooks"


async def _deliveries(served: Served) -> list[Job]:
    """Announce what happened; return the jobs that deliver it, the oldest first."""
    await served.announcer.once()
    tables = served.dump()
    names = {number: name for number, name, *_ in tables["scopes"]}
    scopes = {names[row[1]] for row in tables["jobs"] if row[3] == "webhooks"}
    return [job for scope in sorted(scopes) for job in await served.engine.oldest_first(scope)]


class Forgetful:
    """A store whose server dies each time before news are forgotten."""

    def __init__(self, served: Served) -> None:
        self._store = served.store
        self._is_read = False

    async def news(self, limit: int) -> Sequence[News]:
        self._is_read = not self._is_read
        return await self._store.news(limit) if self._is_read else ()

    async def webhooks(self, workspace: str, *, after: int, limit: int) -> Sequence[Webhook]:
        return await self._store.webhooks(workspace, after=after, limit=limit)

    async def forget_news(self, through: int) -> None:
        return


async def test_a_webhook_is_made_and_its_secret_told_once(served: Served, place: Place) -> None:
    answer = await served.call("POST", _hooks(place), {"url": URL})

    made = answer.json()
    shown = await served.call("GET", f"{_hooks(place)}/{made['id']}")
    listed = await served.call("GET", _hooks(place))
    secret = made.pop("secret")
    assert answer.status == 201
    assert str(answer.header("Location")).endswith(f"{_hooks(place)}/{made['id']}")
    assert secret.startswith("whsec_")
    assert len(b64decode(secret.removeprefix("whsec_"))) == 32
    assert made == {
        "id": made["id"],
        "workspaceId": place.workspace,
        "url": URL,
        "itemId": None,
        "statuses": ENDED,
        "enabled": True,
        "disabledBecause": None,
        "createdDateTime": "2026-04-27T07:11:35.247",
    }
    assert shown.json() == made
    assert listed.json() == {"value": [made]}


async def test_the_file_holds_no_secret(served: Served, place: Place) -> None:
    secret = (await served.call("POST", _hooks(place), {"url": URL})).json()["secret"]

    kept = b"".join(path.read_bytes() for path in served.path.parent.glob("weft.db*"))

    assert secret.encode() not in kept
    assert secret.removeprefix("whsec_").encode() not in kept
    assert b64decode(secret.removeprefix("whsec_")) not in kept


async def test_a_webhook_is_changed_in_what_is_given(served: Served, place: Place) -> None:
    id = await served.made(_hooks(place), {"url": URL, "itemId": place.item})
    target = f"{_hooks(place)}/{id}"

    first = await served.call("PATCH", target, {"enabled": False, "statuses": ["InProgress"]})
    second = await served.call("PATCH", target, {"itemId": None, "url": "https://localhost/x"})

    assert (first.status, second.status) == (200, 200)
    assert (first.json()["enabled"], first.json()["statuses"]) == (False, ["InProgress"])
    assert first.json()["itemId"] == place.item
    assert (second.json()["itemId"], second.json()["url"]) == (None, "https://localhost/x")
    assert second.json() == (await served.call("GET", target)).json()
    assert "secret" not in second.json()


async def test_changes_of_different_things_at_the_same_time_are_all_kept(
    served: Served, place: Place
) -> None:
    target = f"{_hooks(place)}/{await served.made(_hooks(place), {'url': URL})}"
    changes: list[dict[str, Any]] = [
        {"enabled": False},
        {"url": "https://localhost/x"},
        {"statuses": ["Failed"]},
    ]

    answers = await asyncio.gather(*(served.call("PATCH", target, change) for change in changes))

    shown = (await served.call("GET", target)).json()
    assert [answer.status for answer in answers] == [200] * 3
    assert {name: shown[name] for change in changes for name in change} == {
        name: value for change in changes for name, value in change.items()
    }


async def test_a_deleted_webhook_is_gone(served: Served, place: Place) -> None:
    id = await served.made(_hooks(place), {"url": URL})

    deleted = await served.call("DELETE", f"{_hooks(place)}/{id}")

    assert (deleted.status, deleted.body) == (200, b"")
    for method, target in [("GET", id), ("PATCH", id), ("DELETE", id), ("GET", f"{id}/deliveries")]:
        answer = await served.call(method, f"{_hooks(place)}/{target}", {} if method == "PATCH" else None)
        assert (answer.status, answer.json()["errorCode"]) == (404, "WebhookNotFound")


@pytest.mark.parametrize(
    "url",
    [
        "https://ci.contoso.com/hook",
        "https://ci.contoso.com:443/",
        "https://CI.contoso.com?x=1",
        "https://a.b.fabrikam.com/",
        "http://localhost:1/",
        "http://[::1]:8080/a",
        "https://127.0.0.2/",
    ],
)
async def test_this_machine_and_configured_hosts_may_be_told(served: Served, place: Place, url: str) -> None:
    assert (await served.call("POST", _hooks(place), {"url": url})).status == 201


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://168.63.129.16/",
        "http://metadata.google.internal/",
        "https://10.0.0.1/",
        "https://0x7f000001/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://0.0.0.0/",
        "http://localhost.:80/",
        "http://[::ffff:10.0.0.1]/",
        "http://ci.contoso.com/",
        "https://ci.contoso.com:22/",
        "https://ci.contoso.com:8443/",
        "https://ci.contoso.com.evil.tld/",
        "https://ci.contoso.com@evil.tld/",
        "https://ci.contoso.com#@evil.tld/",
        "https://evilfabrikam.com/",
        "https://fabrikam.com/",
        "https://user:secret@127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "ftp://127.0.0.1/",
        "data:text/plain,x",
        "\\\\host\\share",
        "//127.0.0.1/",
        "127.0.0.1/hook",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1/\r\nX: y",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\u00e9",
        "http://127.0.0.1/" + "a" * 2048,
        "http://",
        "",
    ],
)
async def test_any_other_address_is_refused_by_name_and_nothing_is_kept(
    served: Served, place: Place, url: str
) -> None:
    id = await served.made(_hooks(place), {"url": URL})
    before = served.dump()

    answers = [
        await served.call("POST", _hooks(place), {"url": url}),
        await served.call("PATCH", f"{_hooks(place)}/{id}", {"url": url}),
    ]

    for answer in answers:
        assert (answer.status, answer.json()["errorCode"]) == (400, "InvalidInput")
        assert answer.json()["moreDetails"][0]["relatedResource"]["resourceId"] == "url"
        assert "secret" not in answer.json()["message"]
    assert served.dump() == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": None}, "url"),
        ({"url": 5}, "url"),
        ({"url": URL, "statuses": []}, "statuses"),
        ({"url": URL, "statuses": ["Completed", "completed"]}, "statuses[1]"),
        ({"url": URL, "statuses": "Completed"}, "statuses"),
        ({"url": URL, "statuses": [None]}, "statuses[0]"),
        ({"url": URL, "itemId": "x"}, "itemId"),
        ({"url": URL, "itemId": 1}, "itemId"),
        ({"url": URL, "enabled": "yes"}, "enabled"),
        ([], "body"),
        (None, "body"),
    ],
)
async def test_a_bad_request_is_refused_by_name_and_nothing_is_kept(
    served: Served, place: Place, body: Any, field: str
) -> None:
    before = served.dump()

    answer = await served.call("POST", _hooks(place), body)

    assert (answer.status, answer.json()["errorCode"]) == (400, "InvalidInput")
    assert answer.json()["moreDetails"][0]["relatedResource"]["resourceId"] == field
    assert served.dump() == before


async def test_an_item_that_is_not_there_is_told(served: Served, place: Place) -> None:
    other = await served.place("other")
    answers = [
        await served.call("POST", _hooks(place), {"url": URL, "itemId": item})
        for item in (NOWHERE, other.item)
    ]

    assert {(answer.status, answer.json()["errorCode"]) for answer in answers} == {(404, "ItemNotFound")}


async def test_a_workspace_has_twenty_webhooks_at_most(served: Served, place: Place) -> None:
    for _ in range(20):
        await served.made(_hooks(place), {"url": URL})
    before = served.dump()

    answer = await served.call("POST", _hooks(place), {"url": URL})

    assert (answer.status, answer.json()["errorCode"]) == (400, "WebhooksExceedLimit")
    assert served.dump() == before


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 200), (Role.MEMBER, 200), (Role.CONTRIBUTOR, 403)])
async def test_webhooks_are_the_business_of_members(
    served: Served, place: Place, role: Role, status: int
) -> None:
    id = await served.made(_hooks(place), {"url": URL})
    token = await served.grant(place, "colleague", role)
    before = served.dump()

    answers = [
        await served.call("GET", _hooks(place), token=token),
        await served.call("GET", f"{_hooks(place)}/{id}", token=token),
        await served.call("GET", f"{_hooks(place)}/{id}/deliveries", token=token),
        await served.call("PATCH", f"{_hooks(place)}/{id}", {"enabled": True}, token=token),
    ]

    assert {answer.status for answer in answers} == {status}
    assert served.dump() == before


async def test_webhooks_of_others_answer_as_unknown_ones(served: Served, place: Place) -> None:
    id = await served.made(_hooks(place), {"url": URL})
    other = await served.place("other")
    stranger = served.token("stranger")

    foreign = await served.call("GET", f"{_hooks(other)}/{id}")
    unknown = await served.call("GET", f"{_hooks(other)}/{NOWHERE}")
    outside = await served.call("GET", _hooks(place), token=stranger)
    deleted = await served.call("DELETE", f"{_hooks(other)}/{id}")

    assert foreign.json()["message"].replace(id, NOWHERE) == unknown.json()["message"]
    assert (foreign.status, foreign.json()["errorCode"]) == (404, "WebhookNotFound")
    assert (outside.status, outside.json()["errorCode"]) == (404, "WorkspaceNotFound")
    assert deleted.status == 404
    assert (await served.call("GET", f"{_hooks(place)}/{id}")).status == 200


async def test_who_only_reads_makes_none(served: Served, place: Place) -> None:
    token = served.token("admin", "Workspace.Read.All")

    answer = await served.call("POST", _hooks(place), {"url": URL}, token=token)

    assert (answer.status, answer.json()["errorCode"]) == (403, "InsufficientScopes")
    assert (await served.call("GET", _hooks(place), token=token)).status == 200


# ---- what is told


async def test_each_end_of_a_job_is_one_delivery_of_the_instance(served: Served, place: Place) -> None:
    await served.made(_hooks(place), {"url": URL})
    id = await served.run(place)
    before_the_end = await _deliveries(served)
    await served.ended(OUTCOMES["Completed"])

    [delivery] = await _deliveries(served)

    shown = (await served.call("GET", place.instance(id))).json()
    body = json.loads(delivery.payload)
    assert before_the_end == []
    assert (delivery.queue, delivery.kind, delivery.labels["job"]) == ("webhooks", "Completed", id)
    assert list(body) == ["type", "timestamp", "data"]
    assert list(body["data"]) == [*KEYS, "workspaceId"]
    assert body["type"] == "jobInstance.Completed"
    assert body["timestamp"] == "2026-04-27T07:11:35.247Z"
    assert body["data"] == {**shown, "workspaceId": place.workspace}


async def test_what_is_announced_twice_is_told_once(served: Served, place: Place) -> None:
    await served.made(_hooks(place), {"url": URL})
    await served.run(place)
    await served.ended(OUTCOMES["Failed"])
    dying = Announcer(served.engine, cast(Any, Forgetful(served)), event_of)

    announced = [await dying.once() for _ in range(3)]
    told = await _deliveries(served)

    assert announced == [4, 4, 4]
    assert len(told) == 1
    assert await served.store.news(10) == []


async def test_a_filter_chooses_the_item_and_the_changes(served: Served, place: Place) -> None:
    other = Place(place.workspace, await served.item(place.workspace, "other"))
    every = {"url": URL, "itemId": place.item, "statuses": ["NotStarted", "InProgress", *ENDED]}
    await served.made(_hooks(place), every)
    await served.made(_hooks(place), {"url": URL, "statuses": ["Cancelled"]})

    for where in (place, other):
        await served.run(where)
        await served.ended(OUTCOMES["Completed"])
    told = await _deliveries(served)

    assert sorted(job.kind for job in told) == ["Completed", "InProgress", "NotStarted"]
    assert {json.loads(job.payload)["data"]["itemId"] for job in told} == {place.item}


async def test_jobs_of_other_workspaces_are_not_told_nor_noted(served: Served, place: Place) -> None:
    await served.made(_hooks(place), {"url": URL})
    other = await served.place("other")

    await served.run(other)
    await served.ended(OUTCOMES["Completed"])

    assert served.dump()["webhook_news"] == []


async def test_a_disabled_webhook_is_not_told(served: Served, place: Place) -> None:
    await served.made(_hooks(place), {"url": URL, "enabled": False})

    await served.run(place)
    await served.ended(OUTCOMES["Completed"])

    assert served.dump()["webhook_news"] == []


async def test_a_duplicate_is_told_as_it_is_made(served: Served, place: Place) -> None:

    await served.made(_hooks(place), {"url": URL})
    served.types.dedups["Contoso.FinanceAnalytics.Forecast"] = Dedup.PER_ITEM
    await served.run(place)
    await served.run(place)

    assert [job.kind for job in await _deliveries(served)] == ["Deduped"]


async def test_deleting_a_webhook_cancels_what_was_not_delivered(served: Served, place: Place) -> None:
    id = await served.made(_hooks(place), {"url": URL})
    await served.run(place)
    await served.ended(OUTCOMES["Completed"])
    [delivery] = await _deliveries(served)

    await served.call("DELETE", f"{_hooks(place)}/{id}")
    await served.run(place)
    await served.ended(OUTCOMES["Completed"])

    assert [job.state for job in await _deliveries(served)] == ["cancelled"]
    assert (await served.engine.get(delivery.key)).is_final


async def test_deleting_the_workspace_deletes_its_webhooks(served: Served, place: Place) -> None:
    await served.made(_hooks(place), {"url": URL})
    await served.run(place)

    await served.call("DELETE", f"/v1/workspaces/{place.workspace}")

    assert await _deliveries(served) == []
    assert served.dump()["webhooks"] == []
    assert served.dump()["webhook_news"] == []


async def test_news_survive_a_restart(tmp_path: Path, identity: Identity) -> None:
    served = serve(tmp_path, identity)
    place = await served.place()
    await served.made(_hooks(place), {"url": URL})
    await served.run(place)
    await served.ended(OUTCOMES["Completed"])
    await served.store.close()

    restarted = serve(tmp_path, identity)
    told = [job.kind for job in await _deliveries(restarted)]
    await restarted.store.close()

    assert told == ["Completed"]


async def test_deliveries_are_listed_with_what_became_of_them(served: Served, place: Place) -> None:
    id = await served.made(_hooks(place), {"url": URL})
    job = await served.run(place)
    await served.ended(OUTCOMES["Completed"])
    [delivery] = await _deliveries(served)

    answer = await served.call("GET", f"{_hooks(place)}/{id}/deliveries")

    assert answer.json() == {
        "value": [
            {
                "id": delivery.key.id,
                "jobInstanceId": job,
                "status": "Completed",
                "state": "Waiting",
                "attempts": 0,
                "reason": None,
                "createdTimeUtc": "2026-04-27T07:11:35.247",
                "endedTimeUtc": None,
            }
        ]
    }


async def test_changing_a_webhook_that_was_disabled_makes_it_as_new(served: Served, place: Place) -> None:
    id = await served.made(_hooks(place), {"url": URL})
    kept = await served.store.webhook(id)
    assert kept is not None
    await served.store.change_webhook(replace(kept, enabled=False, disabled_because="gone"))

    disabled = await served.call("GET", f"{_hooks(place)}/{id}")
    enabled = await served.call("PATCH", f"{_hooks(place)}/{id}", {"enabled": True})

    assert (disabled.json()["enabled"], disabled.json()["disabledBecause"]) == (False, "gone")
    assert (enabled.json()["enabled"], enabled.json()["disabledBecause"]) == (True, None)
