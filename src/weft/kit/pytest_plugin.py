"""Fixtures for the tests of a workload: `pytest_plugins = ["weft.kit.pytest_plugin"]` in a conftest.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pytest

from weft.kit import control_plane as planes


@pytest.fixture(scope="session")
def weft_workloads() -> Sequence[str]:
    """The workloads that `control_plane` hosts, named as MODULE:ATTR; override it."""
    return ()


@pytest.fixture(scope="session")
def weft_workload_urls() -> Mapping[str, str]:
    """The backends that `control_plane` calls, by item type; override it."""
    return {}


@pytest.fixture(scope="session")
def control_plane(
    weft_workloads: Sequence[str], weft_workload_urls: Mapping[str, str]
) -> Iterator[planes.ControlPlane]:
    """A real server, for all tests of a run, which drives the workloads as Fabric does."""
    with planes.control_plane(weft_workloads, urls=weft_workload_urls) as plane:
        yield plane
