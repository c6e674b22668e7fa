"""Microsoft's own Python client, unmodified, against `weft up --tls`: every import and deletion operation."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.digitaltwins.core import DigitalTwinsClient

from tests.e2e.weft_process import WeftProcess
from tests.torture import building


class Credential:
    """A token that was made beforehand, as `weft token --for twins` prints it."""

    def __init__(self, token: str) -> None:
        self._token = token
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self._token, int(time.time()) + 3600)


@pytest.fixture
def weft(tmp_path: Path) -> Iterator[WeftProcess]:
    server = WeftProcess(tmp_path / "data", options=("--tls", "--blob-root", str(tmp_path))).start()
    yield server
    server.close()


@pytest.fixture
def client(weft: WeftProcess) -> Iterator[DigitalTwinsClient]:
    credential = Credential(weft.token("twins"))
    yield DigitalTwinsClient(weft.url, credential, connection_verify=str(weft.certificate))
    assert credential.scopes[0] == "https://digitaltwins.azure.net/.default"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.ndjson"
    lines = [*building.START, {"Section": "Twins"}]
    lines += [{"$dtId": id, "$metadata": {"$model": "dtmi:torture:Thing;1"}, "n": 1} for id in ("a", "b")]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def job(file: Path, id: str) -> dict[str, str]:
    return {"inputBlobUri": str(file), "outputBlobUri": str(file.with_name(f"{id}.log"))}


def end_of(jobs: Any, id: str) -> Any:
    until = time.monotonic() + 30
    while (found := jobs.get_by_id(id)).status not in ("succeeded", "failed", "cancelled"):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def code(error: HttpResponseError) -> str:
    body = json.loads(error.response.text())  # type: ignore[union-attr]
    return str(body["error"]["code"])


def test_every_operation_of_imports(client: Any, file: Path) -> None:
    jobs = client._client.import_jobs

    added = jobs.add("one", job(file, "one"))
    ended = end_of(jobs, "one")
    end_of(jobs, jobs.add("two", job(file, "two")).id)
    listed = [found.id for found in jobs.list()]
    with pytest.raises(HttpResponseError) as known:
        jobs.add("two", job(file, "two"))
    with pytest.raises(HttpResponseError) as over:
        jobs.cancel("two")
    jobs.delete("two")
    with pytest.raises(ResourceNotFoundError):
        jobs.get_by_id("two")

    assert (added.id, added.status, added.input_blob_uri) == ("one", "notstarted", str(file))
    assert (ended.status, ended.error) == ("succeeded", None)
    assert ended.finished_date_time == ended.last_action_date_time
    assert (ended.purge_date_time - ended.created_date_time).days == 30
    assert listed == ["one", "two"]
    assert (known.value.status_code, code(known.value)) == (409, "JobIdAlreadyExists")
    assert (over.value.status_code, code(over.value)) == (400, "ValidationFailed")


def test_a_running_import_is_cancelled(client: Any, tmp_path: Path) -> None:
    large = tmp_path / "large.ndjson"
    building.write(large, random.Random(1))
    jobs = client._client.import_jobs
    jobs.add("one", job(large, "one"))
    while jobs.get_by_id("one").status == "notstarted":
        time.sleep(0.02)

    with pytest.raises(HttpResponseError) as second:
        jobs.add("two", job(large, "two"), retry_total=0)  # it would wait for the first one to end
    cancelled = jobs.cancel("one")

    assert second.value.status_code == 429
    assert cancelled.status == "cancelling"
    assert end_of(jobs, "one").status == "cancelled"


def test_every_operation_of_deletions(client: Any, file: Path) -> None:
    jobs, deletions = client._client.import_jobs, client._client.delete_jobs
    end_of(jobs, jobs.add("one", job(file, "one")).id)
    assert client.get_digital_twin("a")["n"] == 1

    deleted = deletions.begin_add().result()
    listed = list(deletions.list())
    found = deletions.get_by_id(listed[0].id)

    assert found.status == "succeeded"
    assert deleted is not None
    with pytest.raises(ResourceNotFoundError):
        client.get_digital_twin("a")
    assert list(client.query_twins("SELECT * FROM digitaltwins")) == []


def test_reading_back_through_the_public_client(client: Any, file: Path) -> None:
    jobs = client._client.import_jobs
    end_of(jobs, jobs.add("one", job(file, "one")).id)

    twin = client.get_digital_twin("a")
    models = list(client.list_models(include_model_definition=True))
    found = list(client.query_twins("SELECT * FROM digitaltwins T WHERE T.$dtId = 'b'"))

    assert (twin["$dtId"], twin["$metadata"]["$model"]) == ("a", "dtmi:torture:Thing;1")
    assert [model.id for model in models] == ["dtmi:torture:Thing;1"]
    assert models[0].model["@id"] == "dtmi:torture:Thing;1"
    assert [one["$dtId"] for one in found] == ["b"]
    assert list(client.list_relationships("a")) == []
    assert list(client.list_incoming_relationships("a")) == []
