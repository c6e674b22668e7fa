"""Backends that know only the published contracts, driven by weft from an item's creation to its end."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.backends import running
from tests.e2e.backends.running import ITEM_TYPE, JOB_TYPE, WORKLOAD
from tests.e2e.weft_process import Answer, WeftProcess
from weft.auth.home import Home
from weft.auth.subject_and_app import resource_id


@dataclass
class Driven:
    """A server whose manifest names a backend, the backend, and what its contract calls things."""

    weft: WeftProcess
    port: int
    contract: str
    workspace: str = ""

    def create_item(self, colour: str = "blue", name: str = "a cloth") -> Answer:
        body: dict[str, Any] = {"displayName": name, "type": ITEM_TYPE}
        if self.contract == "WDK":
            body["creationPayload"] = {"colour": colour}
        else:
            payload = base64.b64encode(colour.encode()).decode()
            part = {"path": "colour.txt", "payload": payload, "payloadType": "InlineBase64"}
            body["definition"] = {"parts": [part]}
        return self.weft.core("POST", f"/workspaces/{self.workspace}/items", body)

    def new_item(self) -> str:
        answer = self.create_item()
        assert answer.status == 201, answer
        return f"/workspaces/{self.workspace}/items/{answer.json['id']}"

    @property
    def seen(self) -> dict[str, Any]:
        return running.seen(self.port)

    def calls(self, item: str) -> list[str]:
        """Return what the backend was asked for this item, without its own ids."""
        base = f"workspaces/{self.workspace}/items/{ITEM_TYPE}/{item.rsplit('/', 1)[1]}"
        return [call.replace(base, "ITEM") for call in self.seen["calls"] if base in call]


@pytest.fixture(params=["WDK", "Remote"])
def driven(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driven]:
    data, package, port = tmp_path / "data", tmp_path / "package", running.free_port()
    tenant = Home.open(data).tenant
    audience = resource_id(tenant, WORKLOAD)
    apps, version = (running.WDK, "1.101.0") if request.param == "WDK" else (running.REMOTE, "2.100.0")
    running.write_package(package, apps, version, url=f"http://127.0.0.1:{port}/workload", audience=audience)
    weft = WeftProcess(data, options=("--manifest", str(package))).start()
    with ExitStack() as parts:
        parts.callback(weft.close)
        backend = (
            running.wdk_backend(data, port=port, publisher=tenant, audience=audience)
            if request.param == "WDK"
            else running.remote_backend(f"{weft.url}/issuer", port=port, publisher=tenant, audience=audience)
        )
        parts.enter_context(backend)
        workspace = weft.core("POST", "/workspaces", {"displayName": "looms"}).json["id"]
        yield Driven(weft, port, request.param, workspace)


def test_an_items_whole_life_reaches_its_backend(driven: Driven) -> None:
    item = driven.new_item()
    weft = driven.weft

    instance = weft.run(item, JOB_TYPE, seconds=0.2)
    ended = weft.wait_for(instance)
    renamed = weft.core("PATCH", item, {"displayName": "a fine cloth"})
    deleted = weft.core("DELETE", item)

    assert (ended, renamed.status, deleted.status) == ("Completed", 200, 200)
    calls = driven.calls(item)
    lifecycle = [call for call in calls if "job" not in call]
    assert (
        lifecycle
        == {
            "WDK": ["POST ITEM", "PATCH ITEM", "DELETE ITEM"],
            "Remote": ["POST ITEM/OnCreateItem", "POST ITEM/OnUpdateItem", "POST ITEM/OnDeleteItem"],
        }[driven.contract]
    )
    assert any("job" in call for call in calls[1:-2]), "the job's calls came between"


def test_the_payload_of_a_run_arrives_as_it_was_sent(driven: Driven) -> None:
    weft = driven.weft
    instance = weft.run(driven.new_item(), JOB_TYPE, threads=7, pattern={"twill": [2, 1]})

    weft.wait_for(instance)

    job = driven.seen["jobs"][instance.rsplit("/", 1)[1]]
    assert job["payload" if driven.contract == "WDK" else "executionData"] == {
        "threads": 7,
        "pattern": {"twill": [2, 1]},
    }


def test_a_refused_create_leaves_no_item_and_says_why(driven: Driven) -> None:
    refused = driven.create_item(colour="mauve")

    assert refused.status == 400, refused
    assert refused.json["errorCode"] == "FabricExternalWorkloadError"
    assert "Nobody weaves mauve." in refused.json["message"]
    assert refused.json["moreDetails"][0]["errorCode"] == "NoSuchColour"
    assert driven.weft.core("GET", f"/workspaces/{driven.workspace}/items").json["value"] == []
    assert driven.create_item().status == 201, "its name is free again"


def test_a_failed_job_tells_the_backends_reason(driven: Driven) -> None:
    weft = driven.weft
    instance = weft.run(driven.new_item(), JOB_TYPE, fails=True)

    assert weft.wait_for(instance) == "Failed"
    reason = weft.core("GET", instance).json["failureReason"]
    assert (reason["errorCode"], reason["message"]) == ("JobInstanceStatusFailed", "the warp is torn")
    assert reason["moreDetails"][0] == {"errorCode": "ThreadBroke", "message": "the warp is torn"}


def test_a_cancelled_job_is_stopped_at_its_backend(driven: Driven) -> None:
    weft = driven.weft
    instance = weft.run(driven.new_item(), JOB_TYPE, seconds=60)
    weft.wait_for(instance, "InProgress")

    cancelled = weft.core("POST", f"{instance}/cancel")

    assert cancelled.status == 202
    assert weft.wait_for(instance) == "Cancelled"
    assert driven.seen["jobs"][instance.rsplit("/", 1)[1]]["status"] == "Cancelled"


def test_a_second_job_of_the_item_is_deduped_as_its_manifest_says(driven: Driven) -> None:
    weft, item = driven.weft, driven.new_item()
    first = weft.run(item, JOB_TYPE, seconds=60)
    second = weft.run(item, JOB_TYPE, seconds=60)

    assert weft.wait_for(second) == "Deduped"
    reason = weft.core("GET", second).json["failureReason"]
    assert reason["errorCode"] == "JobInstanceStatusDeduped"
    assert first.rsplit("/", 1)[1] in str(reason)
    weft.core("POST", f"{first}/cancel")
    assert weft.wait_for(first) == "Cancelled"
    assert weft.wait_for(weft.run(item, JOB_TYPE, seconds=0)) == "Completed"
    assert len([call for call in driven.calls(item) if "jobs/onCreate" in call or _creates(call)]) == 2


def test_a_deleted_item_is_stopped_first(driven: Driven) -> None:
    weft, item = driven.weft, driven.new_item()
    instance = weft.run(item, JOB_TYPE, seconds=60)
    weft.wait_for(instance, "InProgress")

    deleted = weft.core("DELETE", item)

    assert deleted.status == 200
    assert driven.seen["jobs"][instance.rsplit("/", 1)[1]]["status"] == "Cancelled"
    assert weft.core("GET", item).status == 404


def _creates(call: str) -> bool:
    return call.startswith("POST ITEM/jobTypes/") and not call.endswith("/cancel")
