"""Airflow's Fabric provider, unmodified: it signs in, runs an item, looks at it and cancels it.

It takes a plain address for Core (`api_host`), and signs in through the proxy of `weft exec`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.house import House

DRIVERS = Path(__file__).parent / "drivers"
TRIGGER = "airflow.providers.microsoft.fabric.triggers.run_item.MSFabricRunJobTrigger"


class Airflow:
    """The provider, run in its own environment."""

    def __init__(self, house: House, programs: Path, home: Path) -> None:
        self._house = house
        self._python = str(programs / "python")
        self._home = home
        self.workspace = house.new_workspace()

    def returned(
        self, item: str, job_type: str, how: str = "quick", *, cancel: bool = False, defer: bool = False
    ) -> dict[str, Any]:
        """Run an item and return what the hook, or the deferred operator, has returned."""
        parameters = {"how": {"type": "string", "value": how}}
        result = self._home / "returned.json"
        told = {
            "returned": str(result),
            "api_host": self._house.weft.url,
            "workspace": self.workspace,
            "item": item,
            "job_type": job_type,
            "job_params": json.dumps({"executionData": {"parameters": parameters}}),
            "seconds": 30,
            "cancel": cancel,
            "defer": defer,
        }
        said = self._house.exec(
            self._home,
            self._python,
            str(DRIVERS / "airflow_hook.py"),
            told=told,
            AIRFLOW_HOME=str(self._home / "airflow"),
            AIRFLOW__SECRETS__BACKEND="airflow_connections.FromEnvironment",
            AIRFLOW__LOGGING__COLORED_CONSOLE_LOG="False",
            FABRIC_EXTRA=json.dumps(self._sign_in()),
        )
        assert said.code == 0, (said.out, said.err)
        returned: dict[str, Any] = json.loads(result.read_text())
        return returned

    def _sign_in(self) -> dict[str, str]:
        app = self._house.app
        return {
            "auth_type": "spn",
            "tenantId": app.tenant,
            "clientId": app.client_id,
            "clientSecret": app.secret,
        }

    def recorded(self, returned: dict[str, Any]) -> Any:
        """Return the job that the hook says it ran."""
        tracker = returned["tracker"]
        return self._house.job(self.workspace, tracker["item"]["item_id"], tracker["run_id"])


@pytest.fixture
def airflow(house: House, programs: Callable[[str], Path], tmp_path: Path) -> Airflow:
    return Airflow(house, programs("airflow"), tmp_path)


def test_the_hook_runs_a_notebook_and_polls_until_it_has_completed(airflow: Airflow, house: House) -> None:
    item = house.new_item(airflow.workspace)

    returned = airflow.returned(item, "RunNotebook")

    job = airflow.recorded(returned)
    assert (returned["status"], returned["failed_reason"]) == ("Completed", None)
    assert returned["tracker"]["location_url"] == (
        f"{house.weft.url}/v1/workspaces/{airflow.workspace}/items/{item}/jobs/instances/{job['id']}"
    )
    assert returned["tracker"]["retry_after"] == 1.0
    # It asks the real Fabric, and no proxy, what the item is called, and does without.
    assert returned["refused"] == ["api.fabric.microsoft.com"]
    assert returned["tracker"]["item"]["item_name"] == "Unknown"
    assert (job["status"], job["jobType"], job["invokeType"]) == ("Completed", "Execute", "Manual")
    assert job["result"]["sent"] == {"parameters": {"how": {"type": "string", "value": "quick"}}}


def test_the_hook_tells_why_a_run_failed(airflow: Airflow, house: House) -> None:
    returned = airflow.returned(house.new_item(airflow.workspace), "RunNotebook", "fails")

    job = airflow.recorded(returned)
    assert returned["status"] == job["status"] == "Failed"
    assert returned["failed_reason"].startswith("JobInstanceStatusFailed: there is no ink left. [Requestid: ")


def test_the_hook_cancels_a_run_and_sees_it_cancelled(airflow: Airflow, house: House) -> None:
    returned = airflow.returned(house.new_item(airflow.workspace), "RunNotebook", "endless", cancel=True)

    assert (returned["cancelled"], returned["status"]) == (True, "Cancelled")
    assert returned["again"] is False  # it has ended, and is told so
    assert airflow.recorded(returned)["status"] == "Cancelled"


def test_spark_jobs_go_to_the_older_address(airflow: Airflow, house: House) -> None:
    item = house.new_item(airflow.workspace, type="SparkJobDefinition")

    returned = airflow.returned(item, "RunSparkJob")

    job = airflow.recorded(returned)
    assert (returned["status"], job["status"], job["jobType"]) == ("Completed", "Completed", "sparkjob")


def test_the_operator_defers_to_its_trigger(airflow: Airflow, house: House) -> None:
    item = house.new_item(airflow.workspace, type="DataPipeline")

    returned = airflow.returned(item, "Pipeline", defer=True)

    job = airflow.recorded(returned)
    assert (returned["trigger"], returned["status"]) == (TRIGGER, "Completed")
    assert (job["status"], job["jobType"]) == ("Completed", "Execute")
