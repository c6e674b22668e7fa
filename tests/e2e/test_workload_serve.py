"""`weft workload serve`: a host on its own, called as the contract says, killed and restarted."""

from __future__ import annotations

import base64
import http.client
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.conftest import ROOT
from tests.e2e.backends.running import free_port
from tests.e2e.weft_process import WEFT, Answer, WeftProcess, all_gone, eventually
from tests.torture.processes import Process, descendants, started
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock
from weft.kit.control_plane import control_plane

WORKLOAD = "tests.e2e.hosted_workload:workload"
NAME = "Contoso.Hosted"
ITEM_TYPE = "Contoso.Hosted.Thing"
READY_SECONDS = 30


class HostProcess:
    """A data directory and, between `start` and an end, the host on it."""

    def __init__(self, data: Path, *options: str, trusts: Path | None = None, secret: str = "") -> None:
        self.data = data
        self.options = options
        self.url = ""
        self._trusts = trusts or data
        self._environment = {**os.environ, "PYTHONPATH": str(ROOT), "WEFT_CLIENT_SECRET": secret}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> HostProcess:
        command = [WEFT, "workload", "serve", WORKLOAD, "--data", str(self.data), *self.options]
        with (self.data.parent / "host.log").open("a") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=self._environment
            )
        assert self._process.stdout is not None
        assert select.select([self._process.stdout], [], [], READY_SECONDS)[0], self.log()
        line = self._process.stdout.readline().decode()
        assert line.startswith("weft workload ready http://127.0.0.1:"), (line, self.log())
        self.url = line.split()[-1]
        return self

    def log(self) -> str:
        return (self.data.parent / "host.log").read_text()

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: signal.Signals, *, seconds: float = 40) -> int:
        self.send(number)
        return self.wait(seconds=seconds)

    def wait(self, *, seconds: float = 40) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        code = self._process.wait(seconds)
        self._process.stdout.close()
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None:
            self.end(signal.SIGKILL)

    def processes(self) -> set[Process]:
        assert self._process is not None
        pid = self._process.pid
        return {Process(pid, started(pid)), *descendants(pid)}

    def call(self, method: str, path: str, body: object = None) -> Answer:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
        headers = self._headers() | ({} if body is None else {"Content-Type": "application/json"})
        try:
            connection.request(
                method, address.path + path, None if body is None else json.dumps(body), headers
            )
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        home = Home.open(self._trusts)
        issuer = Issuer(Keys.open(self._trusts), SystemClock(), home)
        return {
            "Authorization": issuer.subject_and_app(NAME, "admin", tenant=home.tenant),
            "x-ms-client-tenant-id": home.tenant,
            "ActivityId": str(uuid4()),
            "RequestId": str(uuid4()),
        }

    def run(self, job_type: str, **payload: object) -> str:
        path = f"/workspaces/{uuid4()}/items/{ITEM_TYPE}/{uuid4()}/jobTypes/{job_type}/instances/{uuid4()}"
        answer = self.call("POST", path, {"invokeType": "Manual", "creationPayload": payload})
        assert answer.status == 202, answer
        return path

    def state(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status == 200, answer
        return answer.json

    def wait_for(self, path: str, *statuses: str, seconds: float = 30) -> Any:
        def reached() -> Any:
            state = self.state(path)
            return state if state["status"] in statuses else None

        return eventually(reached, seconds, f"{path} {statuses}")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[HostProcess]:
    host = HostProcess(tmp_path / "data").start()
    yield host
    host.close()


def count(notes: Path) -> int:
    return len(notes.read_text().splitlines()) if notes.exists() else 0


def begun(notes: Path, times: int = 1) -> None:
    eventually(lambda: count(notes) >= times, 30, f"the job begins {times} times")


def test_a_host_on_its_own_runs_jobs_and_ends_well(host: HostProcess) -> None:
    before = host.processes()

    state = host.wait_for(host.run("quick"), "Completed")
    code = host.end(signal.SIGTERM)

    assert state["startTimeUtc"] <= state["endTimeUtc"]
    assert code == 0
    all_gone(before)


def test_a_payload_that_the_function_does_not_take_is_a_clear_400_and_makes_no_job(host: HostProcess) -> None:
    path = f"/workspaces/{uuid4()}/items/{ITEM_TYPE}/{uuid4()}/jobTypes/typed/instances/{uuid4()}"

    refused = host.call("POST", path, {"invokeType": "Manual", "creationPayload": {"folds": "x"}})

    assert refused.status == 400
    assert refused.json["errorCode"] == "InvalidParameter"
    assert "creationPayload.folds" in refused.json["message"]
    assert "Expected `int`, got `str`" in refused.json["message"]
    assert host.call("GET", path).status == 404


def test_a_job_is_run_as_its_type_says(host: HostProcess, tmp_path: Path) -> None:
    flaky = host.run("flaky", file=str(tmp_path / "flaky"))
    brief = host.run("brief")
    alone = [host.run("alone", file=str(tmp_path / "alone")) for _ in range(4)]

    assert host.wait_for(flaky, "Completed", "Failed")["status"] == "Completed"
    assert host.wait_for(brief, "Completed", "Failed")["errorDetails"]["errorCode"] == "JobTimedOut"
    assert [host.wait_for(path, "Completed")["status"] for path in alone] == ["Completed"] * 4
    assert count(tmp_path / "flaky") == 3
    assert (tmp_path / "alone").read_text().split() == ["in", "out"] * 4


def test_a_hook_is_asked_before_an_item_is_made_even_where_all_places_are_taken(tmp_path: Path) -> None:
    host = HostProcess(tmp_path / "data", "--processes", "1").start()
    try:
        host.run("long", file=str(tmp_path / "notes"))
        begun(tmp_path / "notes")
        item = f"/workspaces/{uuid4()}/items/{ITEM_TYPE}/{uuid4()}"

        refused = host.call("POST", item, {"displayName": "bad"})
        made = host.call("POST", item, {"displayName": "good one"})

        assert (refused.status, refused.json["errorCode"]) == (400, "BadName"), refused
        assert made.status == 200, made
        assert "madeFor" in host.call("GET", f"{item}/payload").json["itemPayload"]
    finally:
        host.close()


def test_s104_a_name_that_nobody_registered_never_runs(host: HostProcess) -> None:
    for name in ("__class__", "os.system", "tests.e2e.hosted_workload.quick", "qu\u0456ck", "@create"):
        path = (
            f"/workspaces/{uuid4()}/items/{ITEM_TYPE}/{uuid4()}/jobTypes/{_escaped(name)}/instances/{uuid4()}"
        )

        answer = host.call("POST", path, {"invokeType": "Manual"})

        assert (answer.status, answer.json["errorCode"]) == (404, "InvalidJobType"), name


def test_p8_one_id_runs_once_however_often_it_is_created(host: HostProcess, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    body = {"invokeType": "Manual", "creationPayload": {"file": str(notes)}}
    path = f"/workspaces/{uuid4()}/items/{ITEM_TYPE}/{uuid4()}/jobTypes/quick/instances/{uuid4()}"

    statuses = {host.call("POST", path, body).status for _ in range(5)}
    host.wait_for(path, "Completed")
    statuses.add(host.call("POST", path, body).status)

    assert statuses == {202}
    assert count(notes) == 1


def test_p12_a_job_whose_host_was_killed_is_lost_or_runs_again_as_declared(
    host: HostProcess, tmp_path: Path
) -> None:
    lost, again = tmp_path / "lost", tmp_path / "again"
    failing = host.run("long", file=str(lost))
    resuming = host.run("resumable", file=str(again))
    begun(lost)
    begun(again)
    before = host.processes()

    host.end(signal.SIGKILL)
    host.start()

    all_gone(before)
    state = host.wait_for(failing, "Failed")
    assert state["errorDetails"]["errorCode"] == "WorkerLost"
    begun(again, times=2)
    assert host.wait_for(resuming, "Completed")["startTimeUtc"]
    assert (count(lost), count(again)) == (1, 2)


def test_p12_a_job_that_waits_is_run_by_the_next_host(tmp_path: Path) -> None:
    host = HostProcess(tmp_path / "data", "--processes", "1").start()
    try:
        host.run("long", file=str(tmp_path / "first"))
        begun(tmp_path / "first")
        waiting = host.run("quick")

        host.end(signal.SIGKILL)
        host.start()

        assert host.wait_for(waiting, "Completed")
    finally:
        host.close()


def test_p19_sigterm_lets_a_running_job_end_and_answers_meanwhile(host: HostProcess, tmp_path: Path) -> None:
    notes, end = tmp_path / "notes", tmp_path / "end"
    path = host.run("until", file=str(notes), end=str(end))
    begun(notes)

    host.send(signal.SIGTERM)
    eventually(lambda: "stopping" in host.log(), 20, "it drains")
    assert host.state(path)["status"] == "InProgress"
    end.touch()

    assert host.wait() == 0
    assert host.start().state(path)["status"] == "Completed"


def test_p19_a_second_sigterm_ends_what_runs_at_once(host: HostProcess, tmp_path: Path) -> None:
    path = host.run("long", file=str(tmp_path / "notes"))
    begun(tmp_path / "notes")
    before = host.processes()

    host.send(signal.SIGTERM)
    eventually(lambda: "stopping" in host.log(), 20, "it drains")
    began = time.monotonic()
    code = host.end(signal.SIGTERM)

    assert code == 0
    assert time.monotonic() - began < 25  # the grace is 30 s
    all_gone(before)
    assert host.start().wait_for(path, "Failed")["errorDetails"]["errorCode"] == "WorkerLost"


def test_a_host_trusts_the_issuer_of_a_server_elsewhere(tmp_path: Path) -> None:
    server = WeftProcess(tmp_path / "server").start()
    tenant = Home.open(server.data).tenant
    host = HostProcess(
        tmp_path / "host",
        f"--issuer={server.url}/issuer/{tenant}/v2.0",
        f"--audience=api://localdevinstance/{tenant}/{NAME}",
        f"--publisher-tenant={tenant}",
        trusts=server.data,
    )
    try:
        host.start()

        assert host.wait_for(host.run("quick"), "Completed")
        own = HostProcess(tmp_path / "host", trusts=tmp_path / "host")
        own.url = host.url
        assert own.call("GET", f"/workspaces/{uuid4()}").status == 401
    finally:
        host.close()
        server.close()


def test_a_job_gets_tokens_of_the_key_that_its_host_trusts(host: HostProcess, tmp_path: Path) -> None:
    path = host.run("token", file=str(tmp_path / "tokens"))

    assert host.wait_for(path, "Completed", "Failed")["status"] == "Completed"
    of_user, of_app = map(_claims, (tmp_path / "tokens").read_text().split())
    assert of_user["aud"] == of_app["aud"] == "https://storage.azure.com"
    assert of_user["tid"] == Home.open(host.data).tenant
    assert (of_user.get("idtyp"), of_app["idtyp"]) == (None, "app")


def test_a_job_of_a_host_that_has_no_secret_for_its_issuer_is_told_that_there_are_no_tokens(
    weft: WeftProcess, tmp_path: Path
) -> None:
    tenant = Home.open(weft.data).tenant
    issuer = f"--issuer={weft.url}/issuer/{tenant}/v2.0"
    host = HostProcess(
        tmp_path / "host",
        issuer,
        f"--publisher-tenant={tenant}",
        trusts=weft.data,
    )
    try:
        path = host.start().run("token", file=str(tmp_path / "tokens"))

        ended = host.wait_for(path, "Completed", "Failed")

        assert ended["errorDetails"]["errorCode"] == "TokensNotConfigured"
    finally:
        host.close()


def test_a_job_gets_tokens_of_an_issuer_elsewhere_with_the_secret_of_its_app(
    weft: WeftProcess, tmp_path: Path
) -> None:
    tenant = Home.open(weft.data).tenant
    made = subprocess.run(
        [WEFT, "app", "create", "backend", "--workload", NAME, "--json", "--data", str(weft.data)],
        capture_output=True,
        timeout=60,
        check=True,
    )
    app = json.loads(made.stdout)
    host = HostProcess(
        tmp_path / "host",
        f"--issuer={weft.url}/issuer/{tenant}/v2.0",
        f"--publisher-tenant={tenant}",
        f"--client-id={app['clientId']}",
        trusts=weft.data,
        secret=app["clientSecret"],
    )
    try:
        path = host.start().run("token", file=str(tmp_path / "tokens"))

        ended = host.wait_for(path, "Completed", "Failed")

        assert ended["status"] == "Completed", ended
        of_user, of_app = map(_claims, (tmp_path / "tokens").read_text().split())
        assert (of_user["appid"], of_app["appid"]) == (app["clientId"], app["clientId"])
        assert app["clientSecret"] not in host.log()
    finally:
        host.close()


def test_a_job_of_a_host_on_its_own_learns_from_core_what_its_user_may_do(tmp_path: Path) -> None:
    port = free_port()
    data = tmp_path / "data"
    weft = WeftProcess(
        data, options=("--workload-url", f"{ITEM_TYPE}=http://127.0.0.1:{port}/workload")
    ).start()
    host = HostProcess(data, f"--core={weft.url}", f"--port={port}")
    try:
        host.start()
        workspace = weft.core("POST", "/workspaces", {"displayName": "w"}).json["id"]
        made = weft.core("POST", f"/workspaces/{workspace}/items", {"displayName": "good", "type": ITEM_TYPE})
        item = f"/workspaces/{workspace}/items/{made.json['id']}"

        instance = weft.run(item, "permissions", file=str(tmp_path / "found"))

        assert weft.wait_for(instance) == "Completed", weft.core("GET", instance).json
        assert (tmp_path / "found").read_text() == "Read Write Explore Execute Reshare"
    finally:
        host.close()
        weft.close()


def test_a_server_and_a_host_may_share_a_data_directory_and_its_keys(weft: WeftProcess) -> None:
    host = HostProcess(weft.data).start()
    try:
        assert host.wait_for(host.run("quick"), "Completed")
    finally:
        host.close()


def test_a_control_plane_for_tests_drives_a_host_elsewhere_from_item_to_result(tmp_path: Path) -> None:
    host = HostProcess(tmp_path / "data").start()
    try:
        with control_plane(urls={ITEM_TYPE: host.url}, directory=tmp_path) as plane:
            item = plane.create_item(ITEM_TYPE, "good one")
            ended = plane.wait(plane.run(item, "typed", {"folds": 2}))
            wrong = plane.wait(plane.run(item, "typed", {"folds": "x"}))
            running = plane.run(item, "long", {"file": str(tmp_path / "notes")})
            begun(tmp_path / "notes")
            plane.cancel(running)
            cancelled = plane.wait(running)
            plane.delete_item(item)
    finally:
        host.close()

    assert (ended.status, cancelled.status) == ("Completed", "Cancelled")
    assert wrong.status == "Failed"
    assert wrong.error is not None
    assert "creationPayload.folds" in wrong.error.message


def test_a_second_host_of_the_same_workload_is_refused(host: HostProcess) -> None:
    command = [WEFT, "workload", "serve", WORKLOAD, "--data", str(host.data)]

    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "in use by another server" in done.stderr.splitlines()[-1]


def _claims(token: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def _escaped(name: str) -> str:
    return "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in name)
