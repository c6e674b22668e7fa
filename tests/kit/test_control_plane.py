"""A control plane in the tests of a workload: a real server that drives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.tested_workload import ITEM
from weft.client import ApiError
from weft.kit.control_plane import ControlPlane, NotServed, control_plane

pytest_plugins = ["weft.kit.pytest_plugin"]


@pytest.fixture(scope="session")
def weft_workloads() -> list[str]:
    return ["tests.kit.tested_workload:workload"]


def test_an_item_is_created_and_its_job_runs(control_plane: ControlPlane) -> None:
    item = control_plane.create_item(ITEM, "a thing")

    ended = control_plane.wait(control_plane.run(item, "count", {"to": 2}))

    assert ended.status == "Completed"
    assert ended.result["counted"] == 2


async def test_the_control_plane_is_called_from_async_tests_alike(control_plane: ControlPlane) -> None:
    job = control_plane.run(control_plane.create_item(ITEM), "count")

    assert control_plane.wait(job).status == "Completed"
    assert control_plane.logs(job).value[0].text == "step 0"


def test_a_running_job_is_cancelled(control_plane: ControlPlane) -> None:
    job = control_plane.run(control_plane.create_item(ITEM), "sleep")

    control_plane.cancel(job)

    assert control_plane.wait(job).status == "Cancelled"
    assert control_plane.look(job).status == "Cancelled"


def test_the_jobs_of_a_deleted_item_are_gone_with_it(control_plane: ControlPlane) -> None:
    item = control_plane.create_item(ITEM)
    job = control_plane.run(item, "sleep")

    control_plane.delete_item(item)

    with pytest.raises(ApiError) as refused:
        control_plane.look(job)
    assert refused.value.status == 404


def test_a_control_plane_that_cannot_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(NotServed, match="no_such_module"),
        control_plane(["no_such_module:workload"], directory=tmp_path),
    ):
        raise AssertionError("it was served")
