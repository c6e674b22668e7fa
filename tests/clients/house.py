"""A server as the clients find it: commands run through `weft exec`, and what weft has recorded of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.e2e.weft_process import WEFT, WeftProcess, eventually
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock

SECONDS = 60
ENDED = ("Completed", "Failed", "Cancelled", "Deduped")
# What the shell around the tests says of proxies, certificates, Fabric and Airflow is none of theirs.
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class App:
    """What `weft app create` said."""

    name: str
    client_id: str
    secret: str
    tenant: str
    object_id: str


@dataclass(frozen=True)
class House:
    """What is recorded is looked up as *app* sees it: the clients sign in with it."""

    weft: WeftProcess
    app: App

    @staticmethod
    def with_app(weft: WeftProcess, name: str) -> House:
        told = _run([WEFT, "app", "create", name, "--json", "--data", str(weft.data)], os.environ).json
        app = App(name, told["clientId"], told["clientSecret"], told["tenantId"], told["objectId"])
        return House(weft, app)

    def command(self, *arguments: str) -> Said:
        """Run `weft` with *arguments* on the data of the server."""
        return _run([WEFT, *arguments, "--data", str(self.weft.data)], os.environ)

    def exec(self, home: Path, *command: str, told: object = None, **named: str) -> Said:
        """Run *command* through `weft exec`, in a home directory and an environment of its own.

        *told* is what it reads, as JSON; *named* are further variables of its environment.
        """
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        environment = {**kept, "HOME": str(home), "NO_COLOR": "1", **named}
        return _run([WEFT, "exec", "--data", str(self.weft.data), "--", *command], environment, told)

    def token(self, whom: str, user: str) -> str:
        """Return what `weft token --for WHOM --user USER` prints."""
        said = self.command("token", "--for", whom, "--user", user)
        assert said.code == 0, said
        return said.out.strip()

    # ---- what weft has recorded

    def get(self, path: str, *, user: str = "") -> Any:
        """Return what Core, or with `/weft/v1` weft's additions to it, tells the app, or else *user*."""
        answer = self.weft.call("GET", path, {"Authorization": f"Bearer {self._token(user)}"})
        assert answer.status == 200, answer
        return answer.json

    def workspace(self, name: str) -> str:
        return _id_of(name, self.get("/v1/workspaces"))

    def item(self, workspace: str, name: str) -> str:
        return _id_of(name, self.get(f"/v1/workspaces/{workspace}/items"))

    def job(self, workspace: str, item: str, id: str) -> Any:
        """Return a job when it has ended, with its result."""
        path = f"/weft/v1/workspaces/{workspace}/items/{item}/jobs/instances/{id}"

        def ended() -> Any:
            job = self.get(path)
            return job if job["status"] in ENDED else None

        return eventually(ended, 30, f"{path} has ended")

    def definition(self, workspace: str, item: str) -> Any:
        """Return an item's definition, whether it is told at once or as the result of an operation."""
        path = f"/v1/workspaces/{workspace}/items/{item}/getDefinition"
        answer = self.weft.call("POST", path, {"Authorization": f"Bearer {self._token()}"})
        if answer.status == 202:
            return self.get(f"/v1/operations/{answer.headers['x-ms-operation-id']}/result")["definition"]
        assert answer.status == 200, answer
        return answer.json["definition"]

    # ---- what happens beside the clients

    def cancel(self, workspace: str, item: str, job: str) -> None:
        path = f"/v1/workspaces/{workspace}/items/{item}/jobs/instances/{job}/cancel"
        assert self.weft.call("POST", path, {"Authorization": f"Bearer {self._token()}"}).status == 202

    def new_workspace(self, name: str = "") -> str:
        (capacity,) = self.get("/v1/capacities")["value"]
        body = {"displayName": name or f"w {uuid4()}", "capacityId": capacity["id"]}
        return self._create("/v1/workspaces", body)

    def new_item(self, workspace: str, name: str = "", type: str = "Notebook") -> str:
        body = {"displayName": name or f"i {uuid4()}", "type": type}
        return self._create(f"/v1/workspaces/{workspace}/items", body)

    def _create(self, path: str, body: Mapping[str, str]) -> str:
        answer = self.weft.call("POST", path, {"Authorization": f"Bearer {self._token()}"}, body)
        assert answer.status == 201, answer
        return str(answer.json["id"])

    def _token(self, user: str = "") -> str:
        issuer = Issuer(Keys.open(self.weft.data), SystemClock(), Home.open(self.weft.data))
        return issuer.core_token(user or self.app.name, app=not user)


def _id_of(name: str, listed: Any) -> str:
    found = [one["id"] for one in listed["value"] if one["displayName"] == name]
    assert len(found) == 1, (name, listed)
    return str(found[0])


def _run(command: list[str], environment: Mapping[str, str], told: object = None) -> Said:
    done = subprocess.run(
        command,
        input=json.dumps(told),
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        start_new_session=True,
    )
    return Said(done.returncode, done.stdout, done.stderr)
